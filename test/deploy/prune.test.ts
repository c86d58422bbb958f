import { expect, test } from 'vitest'
import { planPrune } from '../../src/deploy/prune.ts'

const names = ['1', '2', '3', '4', '5']
const releases = names.map((name) => ({ release: name, checkout: name }))
const none = new Set<string>()

test('the newest releases are kept, with their checkouts', () => {
  expect(planPrune(releases, names, '5', none, 2)).toEqual({
    releases: ['1', '2', '3'],
    checkouts: ['1', '2', '3'],
  })
})

test('the live release is kept however old it is', () => {
  expect(planPrune(releases, names, '1', none, 2)).toEqual({ releases: ['2', '3'], checkouts: ['2', '3'] })
})

test('a release that still drains is kept', () => {
  expect(planPrune(releases, names, '5', new Set(['2']), 1)).toEqual({
    releases: ['1', '3', '4'],
    checkouts: ['1', '3', '4'],
  })
})

test('a checkout goes only when no kept release uses it', () => {
  const restarted = [...releases, { release: '6', checkout: '1' }]
  expect(planPrune(restarted, names, '6', none, 1)).toEqual({
    releases: ['1', '2', '3', '4', '5'],
    checkouts: ['2', '3', '4', '5'],
  })
})

test('a checkout of no release goes', () => {
  expect(planPrune(releases, [...names, 'left'], '5', none, 5)).toEqual({ releases: [], checkouts: ['left'] })
})
