import { expect, test } from 'vitest'
import { median, spreadOf, tableText, verdict } from '../../bench/table.ts'

test('several measurements are shown by their least, their middle and their most', () => {
  expect(spreadOf([3, 1, 10])).toEqual({ min: 1, median: 3, max: 10 })
  expect(median([4, 1, 2, 3])).toBe(2.5)
})

test('an aim says whether it is met', () => {
  expect(verdict(1.5, 1.5, String)).toBe('≤ 1.5 met')
  expect(verdict(1.51, 1.5, String)).toBe('≤ 1.5 above')
})

test('a table has its text on the left and its figures on the right', () => {
  expect(
    tableText([
      ['app', 'live'],
      ['plain', '7 ms'],
      ['express', '12 ms'],
    ]),
  ).toBe(['app        live', 'plain      7 ms', 'express   12 ms', ''].join('\n'))
})
