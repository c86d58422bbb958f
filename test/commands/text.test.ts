import { expect, test } from 'vitest'
import { bytes, duration, table } from '../../src/commands/text.ts'
import { waitOf } from '../../src/commands/wait.ts'

test('columns are as wide as their widest cell, and lines end with text', () => {
  expect(
    table([
      ['a', 'bcd', ''],
      ['efg', '', 'h'],
    ]),
  ).toEqual(['a    bcd', 'efg       h'])
  expect(table([])).toEqual([])
})

test.each([
  [-5, '0 s'],
  [59_999, '59 s'],
  [60_000, '1 min'],
  [3_600_000, '1 h 0 min'],
  [90_000_000, '1 d 1 h'],
])('%d ms are %s', (milliseconds, text) => {
  expect(duration(milliseconds)).toBe(text)
})

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 KiB'],
  [4.25 * 2 ** 20, '4.3 MiB'],
  [500 * 2 ** 20, '500 MiB'],
  [20 * 2 ** 30, '20.0 GiB'],
  [5000 * 2 ** 30, '5000 GiB'],
])('%d bytes are %s', (count, text) => {
  expect(bytes(count)).toBe(text)
})

test('--wait is a number of seconds, or none', () => {
  expect([{}, { wait: '0' }, { wait: '1.5' }].map((options) => waitOf(options))).toEqual([undefined, 0, 1.5])
  for (const wait of ['', ' ', '-1', 'a minute', true, 'Infinity']) {
    expect(() => waitOf({ wait })).toThrowError(
      `--wait takes a number of seconds, not ${JSON.stringify(wait)}`,
    )
  }
})
