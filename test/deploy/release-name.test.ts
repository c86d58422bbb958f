import { expect, test } from 'vitest'
import { nextReleaseName } from '../../src/deploy/release-name.ts'

const commit = '0123456789abcdef0123456789abcdef01234567'
const now = new Date('2026-11-20T23:15:09.700Z')

test('a name tells the time in UTC and eleven digits of the commit', () => {
  expect(nextReleaseName(now, commit, [])).toBe('20261120_231509-0123456789a')
})

test('two deploys in one second get different names that sort in their order', () => {
  const first = nextReleaseName(now, commit, [])
  const second = nextReleaseName(now, 'f'.repeat(40), [first])
  const third = nextReleaseName(now, commit, [first, second])
  expect([second, third]).toEqual(['20261120_231510-fffffffffff', '20261120_231511-0123456789a'])
})

test('a clock that was put back does not put a release behind an older one', () => {
  expect(nextReleaseName(now, commit, ['20261121_000000-abcdefabcde'])).toBe('20261121_000001-0123456789a')
})

test('names of another kind do not matter', () => {
  expect(nextReleaseName(now, commit, ['lost+found', 'current'])).toBe('20261120_231509-0123456789a')
})
