/** Pruning and going back, over random histories of deploys, failures, rollbacks and restarts. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { planPrune } from '../../src/deploy/prune.ts'
import { chooseTarget } from '../../src/deploy/rollback.ts'
import type { Release } from '../../src/release.ts'

interface History {
  readonly kept: readonly Release[]
  readonly checkouts: readonly string[]
  readonly live: string | undefined
  readonly next: number
}

type Event =
  | { readonly kind: 'deploy' }
  | { readonly kind: 'fail' }
  | { readonly kind: 'restart' }
  | { readonly kind: 'back' }
  | { readonly kind: 'rollback'; readonly to: number }
  | { readonly kind: 'prune'; readonly keep: number; readonly busy: number }

const event: fc.Arbitrary<Event> = fc.oneof(
  fc.constantFrom<Event>({ kind: 'deploy' }, { kind: 'fail' }, { kind: 'restart' }, { kind: 'back' }),
  fc.record({ kind: fc.constant('rollback' as const), to: fc.nat(30) }),
  fc.record({ kind: fc.constant('prune' as const), keep: fc.integer({ min: 1, max: 6 }), busy: fc.nat(30) }),
)

const START: History = { kept: [], checkouts: [], live: undefined, next: 0 }

function release(number: number, checkout: string, commit: string, origin?: string): Release {
  const name = `r${String(number).padStart(3, '0')}`
  return {
    repo: 'web',
    branch: 'main',
    release: name,
    checkout: checkout === '' ? name : checkout,
    ...(origin === undefined ? {} : { origin }),
    commit,
    subject: '',
    by: 'alice',
    created: '',
    env: {},
    runners: [],
  }
}

function withLive(history: History, made: Release): History {
  return {
    kept: [...history.kept, made],
    checkouts: history.checkouts.includes(made.checkout)
      ? history.checkouts
      : [...history.checkouts, made.checkout],
    live: made.release,
    next: history.next + 1,
  }
}

function goneBack(history: History, name: string | undefined): History {
  const target = chooseTarget(history.kept, history.live, name)
  if (typeof target === 'string') return history
  const { checkout, commit, origin } = target
  return withLive(history, release(history.next, checkout, commit, origin ?? target.release))
}

function after(history: History, happened: Event): History {
  const present = history.kept.find(({ release: name }) => name === history.live)
  switch (happened.kind) {
    case 'deploy':
      return withLive(history, release(history.next, '', `c${history.next}`))
    case 'fail':
      return { ...history, next: history.next + 1 }
    case 'restart':
      return present === undefined
        ? history
        : withLive(history, release(history.next, present.checkout, present.commit))
    case 'back':
      return goneBack(history, undefined)
    case 'rollback': {
      const name = history.kept[happened.to % (history.kept.length || 1)]?.release
      return name === undefined ? history : goneBack(history, name)
    }
    case 'prune':
    default: {
      const busy = busyIn(history, happened.busy)
      const plan = planPrune(history.kept, history.checkouts, history.live, busy, happened.keep)
      return {
        ...history,
        kept: history.kept.filter(({ release: name }) => !plan.releases.includes(name)),
        checkouts: history.checkouts.filter((name) => !plan.checkouts.includes(name)),
      }
    }
  }
}

/** One that still drains. */
function busyIn({ kept }: History, number: number): ReadonlySet<string> {
  return new Set(kept.slice(number, number + 1).map(({ release: name }) => name))
}

const histories = fc.array(event, { maxLength: 40 })

test('whatever happens, what is live and what is kept has its checkout, and no checkout is left over for good', () => {
  fc.assert(
    fc.property(histories, (events) => {
      let history = START
      for (const happened of events) {
        const before = history
        history = after(history, happened)
        for (const { checkout } of history.kept) expect(history.checkouts).toContain(checkout)
        const names = history.kept.map((each) => each.release)
        expect(history.live === undefined || names.includes(history.live)).toBe(true)
        if (happened.kind !== 'prune') continue
        for (const name of busyIn(before, happened.busy))
          expect(history.kept.map((each) => each.release)).toContain(name)
        const used = new Set(history.kept.map(({ checkout }) => checkout))
        expect(history.checkouts.filter((name) => !used.has(name))).toEqual([])
        const newest = before.kept.map((each) => each.release).slice(-happened.keep)
        expect(history.kept.map((each) => each.release)).toEqual(expect.arrayContaining(newest))
        // No more than is kept, what is live and what is busy.
        expect(history.kept.length).toBeLessThanOrEqual(happened.keep + 2)
      }
    }),
  )
})

test('the release that is gone back to is kept, is not the live one, and going back again and again ends', () => {
  fc.assert(
    fc.property(histories, (events) => {
      let history = events.reduce(after, START)
      const seen = new Set<string>()
      for (let times = 0; times < 100; times++) {
        const target = chooseTarget(history.kept, history.live, undefined)
        if (typeof target === 'string') return
        expect(history.kept).toContain(target)
        expect(target.release).not.toBe(history.live)
        expect(seen.has(target.release)).toBe(false)
        seen.add(target.release)
        history = after(history, { kind: 'back' })
      }
      expect.unreachable('going back does not end')
    }),
  )
})
