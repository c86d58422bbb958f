import { describe, expect, test } from 'vitest'
import { endingStep, type Ending } from '../../src/services/ending.ts'
import type { ProcessEntry } from '../../src/system/process-table.ts'

function entry(pid: number, name: string, parent: number, group = pid): ProcessEntry {
  return { pid, name, state: 'S', parent, group, session: group, start: 0, waitStatus: 0 }
}

const TREE = [
  entry(1, 'svscan', 0),
  entry(2, 'supervise', 1, 1),
  entry(3, 'supervise', 1, 1),
  entry(10, 'npm', 2),
  entry(11, 'node', 10, 10),
  entry(20, 'multilog', 3, 1),
]
const ENDING: Ending = {
  mains: new Map([[10, 500]]),
  loggers: new Set([20]),
  logSupervises: new Set([3]),
  told: new Map(),
  quietSince: undefined,
}

function step(members: readonly ProcessEntry[], changes: Partial<Ending>, now: number): unknown {
  return endingStep(members, { ...ENDING, ...changes }, now, 1000)
}

function without(...pids: number[]): ProcessEntry[] {
  return TREE.filter(({ pid }) => !pids.includes(pid))
}

describe('ending a release', () => {
  test('kills what would start things again, and tells the main processes only', () => {
    expect(step(TREE, {}, 0)).toEqual({ terminate: [10], kill: [1, 2], quiet: false, next: 500 })
  })

  test('waits for a main process that was told', () => {
    const told = new Map([[10, 0]])
    expect(step(without(1, 2), { told }, 100)).toEqual({ terminate: [], kill: [], quiet: false, next: 500 })
  })

  test('tells what a main process has left behind', () => {
    const left = [...without(1, 2, 10, 11), entry(11, 'node', 1, 10)]
    const told = new Map([[10, 0]])
    expect(step(left, { told }, 100)).toEqual({ terminate: [11], kill: [], quiet: false, next: 1100 })
  })

  test('kills a main process whose time is over, and its children with it', () => {
    const told = new Map([[10, 0]])
    expect(step(without(1, 2), { told }, 500)).toMatchObject({ terminate: [], kill: [10, 11] })
  })

  test('lets the logs end by themselves when nothing writes to them any more', () => {
    expect(step(without(1, 2, 10, 11), {}, 600)).toEqual({ terminate: [], kill: [], quiet: true, next: 5600 })
  })

  test('kills the supervise of a log that has ended', () => {
    expect(step(without(1, 2, 10, 11, 20), { quietSince: 600 }, 610)).toMatchObject({ kill: [3] })
  })

  test('kills a log that does not end', () => {
    expect(step(without(1, 2, 10, 11), { quietSince: 600 }, 5600)).toMatchObject({ kill: [20, 3] })
  })
})
