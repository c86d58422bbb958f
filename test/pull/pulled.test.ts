import { describe, expect, it } from 'vitest'
import { isSame } from '../../src/pull/http-version.ts'
import { failedAgain, isDue, type Failed } from '../../src/pull/pulled.ts'
import { rollOf } from '../../src/pull/roll.ts'
import { parseRemote, type Remote } from '../../src/config/remote.ts'

describe('a version that could not be deployed', () => {
  const version = { commit: 'a' }
  const start = new Date('2026-01-01T00:00:00Z')
  const later = (seconds: number): Date => new Date(start.getTime() + seconds * 1000)

  it('rests for a minute, then for twice as long each time, for an hour at most', () => {
    let failed: Failed | undefined
    const pauses: number[] = []
    for (let times = 0; times < 9; times++) {
      failed = failedAgain(failed, version, start)
      let seconds = 0
      while (!isDue(failed, version, later(seconds))) seconds += 30
      pauses.push(seconds)
    }
    expect(pauses).toEqual([60, 120, 240, 480, 960, 1920, 3600, 3600, 3600])
  })

  it('keeps no other version waiting, and does not wait for a clock that was set back', () => {
    const failed = failedAgain(undefined, version, start)
    expect(isDue(failed, { commit: 'b' }, later(1))).toBe(true)
    expect(isDue(failed, version, later(-1))).toBe(true)
    expect(isDue(undefined, version, start)).toBe(true)
    expect(failedAgain(failed, { commit: 'b' }, start).times).toBe(1)
  })
})

describe('two answers of a server', () => {
  it('are of one content if the tags say so, weak or not, whatever the dates are', () => {
    expect(isSame({ etag: '"a"', modified: '1' }, { etag: 'W/"a"', modified: '2' })).toBe(true)
    expect(
      isSame({ etag: '"a"', modified: '1', length: '5' }, { etag: '"b"', modified: '1', length: '5' }),
    ).toBe(false)
  })

  it('without tags if the date and the length are the same; when in doubt they are not', () => {
    expect(isSame({ modified: '1', length: '5' }, { modified: '1', length: '5' })).toBe(true)
    expect(isSame({ modified: '1', length: '5' }, { modified: '1', length: '6' })).toBe(false)
    expect(isSame({ length: '5' }, { length: '5' })).toBe(false)
    expect(isSame({}, {})).toBe(false)
  })
})

describe('the fleet of a remote', () => {
  const branch = { repo: 'web', branch: 'main' }

  it('is that of its artifact, of the branch, or of the remote', () => {
    expect(rollOf(remote('artifact:shop/live'), branch)).toEqual({ app: 'shop', target: 'live' })
    expect(rollOf(remote('/srv/web.git'), branch)).toEqual({ app: 'web', target: 'main' })
    expect(rollOf(remote('https://bob:secret@example.com/a.zip'))).toEqual({
      app: 'https://example.com/a.zip',
      target: 'pull',
    })
  })
})

function remote(text: string): Remote {
  const parsed = parseRemote(text)
  if (typeof parsed === 'string') throw new Error(parsed)
  return parsed
}
