import { expect, test } from 'vitest'
import { artifactPrefix, checkVersion, compareVersions, targetOf } from '../../src/store/versions.ts'

const sorted = (versions: string[]) => versions.toSorted(compareVersions)

test('numbers in versions count as numbers', () => {
  expect(sorted(['c1', 'b10', 'b2', 'b', 'a'])).toEqual(['a', 'b', 'b2', 'b10', 'c1'])
  expect(sorted(['1.10.0', '1.9.9', '1.9', '1.9.10', '2'])).toEqual(['1.9', '1.9.9', '1.9.10', '1.10.0', '2'])
  expect(sorted(['20261121-2', '20261121-10', '3'])).toEqual(['3', '20261121-2', '20261121-10'])
  expect(sorted(['b-1', 'b1', 'b'])).toEqual(['b', 'b1', 'b-1'])
})

test('numbers too large for a double keep their order', () => {
  expect(compareVersions('9007199254740993', '9007199254740992')).toBeGreaterThan(0)
  expect(compareVersions('99999999999999999999999', '100000000000000000000000')).toBeLessThan(0)
})

test('only equal texts are equal', () => {
  expect(compareVersions('1.0', '1.0')).toBe(0)
  expect(compareVersions('1.01', '1.1')).not.toBe(0)
  expect(Math.sign(compareVersions('1.01', '1.1'))).toBe(-Math.sign(compareVersions('1.1', '1.01')))
})

test.each(['latest', '1.0.meta', '.hidden', '', 'a/b', '../up', 'a b', '-x', 'ü', 'a\n', 'x'.repeat(201)])(
  '%j is refused as a version',
  (version) => {
    expect(() => checkVersion(version)).toThrow(/cannot be/)
  },
)

test('an artifact has its place by app, target and name', () => {
  expect(artifactPrefix({ app: 'shop' })).toBe('shop/master/shop.tar.gz/')
  expect(artifactPrefix({ app: 'shop', target: 'feature/x', artifact: 'docs.zip' })).toBe(
    'shop/feature%2Fx/docs.zip/',
  )
  expect(targetOf('feature%2Fx')).toBe('feature/x')
  for (const target of ['../x', 'x/../y', '/x', 'x/', 'a%2Fb', '.x']) {
    expect(() => artifactPrefix({ app: 'shop', target })).toThrow(/cannot be/)
  }
})
