import { expect, test } from 'vitest'
import { chooseTarget } from '../../src/deploy/rollback.ts'
import type { Release } from '../../src/release.ts'

/** Releases `1`, `2`, …, each of a commit `c<name>` unless told otherwise. */
function release(name: string, more: Partial<Release> = {}): Release {
  return {
    repo: 'web',
    branch: 'main',
    release: name,
    checkout: name,
    commit: `c${name}`,
    subject: '',
    by: 'alice',
    created: '',
    env: {},
    runners: [],
    ...more,
  }
}

const [one, two, three] = [release('1'), release('2'), release('3')]

function targetName(kept: readonly Release[], live: string | undefined, name?: string): string {
  const target = chooseTarget(kept, live, name)
  return typeof target === 'string' ? target : target.release
}

test('by default it is the one before, and after a rollback the one before that', () => {
  expect(targetName([one, two, three], '3')).toBe('2')
  expect(targetName([one, two, three, release('4', { origin: '2' })], '4')).toBe('1')
  expect(targetName([one, two, release('3', { origin: '1' })], '3')).toBe(
    'there is no kept release before the live one',
  )
})

test('after a rollback and a push it is what was live before the push, not what was gone back over', () => {
  expect(targetName([one, two, release('3', { origin: '1' }), release('4')], '4')).toBe('3')
})

test('a restart is a release of its own', () => {
  expect(targetName([one, release('2', { checkout: '1', commit: 'c1' })], '2')).toBe('1')
})

test('with nothing live, or nothing before, there is none', () => {
  expect(targetName([], undefined)).toBe('nothing is live, so there is nothing before it')
  expect(targetName([one], '1')).toBe('there is no kept release before the live one')
})

test('a name or a commit may be shortened as long as it is clear', () => {
  const kept = [release('20260101-a', { commit: 'aa1' }), release('20260102-b', { commit: 'ab2' }), three]
  expect(targetName(kept, '3', '20260101')).toBe('20260101-a')
  expect(targetName(kept, '3', 'ab')).toBe('20260102-b')
  expect(targetName(kept, '3', 'a')).toBe('"a" fits several releases')
  expect(targetName(kept, '3', 'b')).toBe('there is no kept release "b"')
  expect(targetName(kept, '3', '3')).toBe('3 is live already')
})

test('of several releases of one commit the newest is meant', () => {
  const kept = [one, release('2', { commit: 'c1', checkout: '1' }), three]
  expect(targetName(kept, '3', 'c1')).toBe('2')
})
