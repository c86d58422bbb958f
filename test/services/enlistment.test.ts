import { statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Context } from '../../src/context.ts'
import { portsOf, processesOf, type Release } from '../../src/release.ts'
import {
  ensureHostSvscan,
  hostSvscan,
  hostSvscanRunning,
  stopHostSvscan,
} from '../../src/services/host-svscan.ts'
import { lastLogLines } from '../../src/services/logs.ts'
import { membersOf } from '../../src/services/members.ts'
import { delist, enlist, stopServices } from '../../src/services/tree.ts'
import { isRunning, processTable, sendSignal } from '../../src/system/process-table.ts'
import {
  eventually,
  listing,
  namesOfHome,
  processesOfHome,
  release,
  runner,
  servicesContext,
  started,
} from './release.ts'

const APP = { 'app.sh': '#!/bin/sh\necho "port $PORT, from ${HOST_ONLY-nowhere}"\nexec sleep 1000\n' }

function killAll(ctx: Context): void {
  for (const pid of processesOfHome(ctx)) sendSignal(pid, 'SIGKILL')
}

async function gone(ctx: Context): Promise<void> {
  await eventually('the end of everything', () => processesOfHome(ctx).length === 0)
}

function pidsOf(ctx: Context, made: Release): number[] {
  return membersOf(ctx.paths, made).map(({ pid }) => pid)
}

function count(ctx: Context, name: string): number {
  return namesOfHome(ctx).filter((other) => other === name).length
}

async function linesOf(ctx: Context, made: Release, index = 0): Promise<string[]> {
  return (await lastLogLines(ctx, made, 'web', index, 9)).map(({ text }) => text)
}

/** Waits until all of a release with `processes` processes is there. */
async function complete(ctx: Context, made: Release, processes: number): Promise<void> {
  await eventually('the whole release', () => {
    const names = membersOf(ctx.paths, made).map(({ name }) => name)
    const found = (wanted: string): number => names.filter((name) => name === wanted).length
    return found('sleep') === processes && found('multilog') === processes
  })
}

describe('after a reboot', () => {
  test('every enlisted release is up again with the same ports, and no other', async () => {
    const ctx = await servicesContext()
    const one = release([runner('./app.sh', { ports: [61_501, 61_502] })])
    const two = release([runner('./app.sh', { ports: [61_503] })], { branch: 'feature/x' })
    const unlisted = release([runner('./app.sh', { ports: [61_504] })], { branch: 'old' })
    for (const made of [one, two, unlisted]) await started(ctx, made, APP)
    await complete(ctx, one, 2)
    await complete(ctx, two, 1)
    await Promise.all([enlist(ctx, one), enlist(ctx, two)])
    killAll(ctx)
    await gone(ctx)

    expect(await ensureHostSvscan(ctx)).toBe('started')
    await complete(ctx, one, 2)
    await complete(ctx, two, 1)
    await eventually('both lines', async () => (await linesOf(ctx, one, 1)).length === 2)
    expect(await linesOf(ctx, one, 1)).toEqual(['port 61502, from nowhere', 'port 61502, from nowhere'])
    expect(pidsOf(ctx, unlisted)).toEqual([])
    expect(portsOf(one)).toEqual([61_501, 61_502])

    await stopHostSvscan(ctx)
    for (const made of [one, two]) await stopServices(ctx, made, processesOf(made))
    expect(processesOfHome(ctx)).toEqual([])
  })
})

describe('the host’s service of a release', () => {
  test('waits while the release runs, and starts it when all of it has died', async () => {
    const ctx = await servicesContext()
    const made = release([runner('./app.sh')])
    await started(ctx, made, APP)
    await complete(ctx, made, 1)
    await enlist(ctx, made)
    await ensureHostSvscan(ctx)
    await eventually('the waiting', () => count(ctx, 'setlock') === 1)
    const before = pidsOf(ctx, made)
    expect(count(ctx, 'sleep')).toBe(1)

    // svscan alone is not all of it.
    sendSignal(membersOf(ctx.paths, made).find(({ name }) => name === 'svscan')?.pid ?? 0, 'SIGKILL')
    await eventually('its end', () => count(ctx, 'svscan') === 1)
    expect(count(ctx, 'setlock')).toBe(1)

    for (const pid of before) sendSignal(pid, 'SIGKILL')
    await eventually('another one', () => pidsOf(ctx, made).some((pid) => !before.includes(pid)))
    await complete(ctx, made, 1)

    await delist(ctx, made)
    await stopServices(ctx, made, processesOf(made))
    await stopHostSvscan(ctx)
    expect(processesOfHome(ctx)).toEqual([])
  })

  test('is one whole directory, private, however often it is enlisted', async () => {
    const ctx = await servicesContext()
    const made = release([runner('./app.sh')])
    await started(ctx, made, APP)
    await enlist(ctx, made)
    await enlist(ctx, made)
    expect(listing(ctx.paths.services)).toEqual(['shop+master+20260102_030405-0123456789a'])
    expect(listing(ctx.paths.hostService(made))).toEqual(['run'])
    expect(statSync(join(ctx.paths.hostService(made), 'run')).mode & 0o777).toBe(0o700)
    await stopServices(ctx, made)
  })
})

describe('delisting', () => {
  test('ends the waiting and leaves the release alone', async () => {
    const ctx = await servicesContext()
    const made = release([runner('./app.sh')])
    await started(ctx, made, APP)
    await complete(ctx, made, 1)
    await enlist(ctx, made)
    await ensureHostSvscan(ctx)
    await eventually('the waiting', () => count(ctx, 'setlock') === 1)
    const before = pidsOf(ctx, made)
    await delist(ctx, made)
    await delist(ctx, made)
    expect(listing(ctx.paths.services)).toEqual([])
    expect(count(ctx, 'setlock')).toBe(0)
    expect(pidsOf(ctx, made)).toEqual(before)
    await stopServices(ctx, made)
    expect(pidsOf(ctx, made)).toEqual([])
    await stopHostSvscan(ctx)
    expect(processesOfHome(ctx)).toEqual([])
  })

  test('leaves a release alone that the host’s svscan has started, with its svscan', async () => {
    const ctx = await servicesContext()
    const made = release([runner('./app.sh')])
    await started(ctx, made, APP)
    await stopServices(ctx, made)
    await enlist(ctx, made)
    await ensureHostSvscan(ctx)
    await complete(ctx, made, 1)
    const before = pidsOf(ctx, made)
    await delist(ctx, made)
    expect(pidsOf(ctx, made)).toEqual(before)
    expect(membersOf(ctx.paths, made).filter(({ name }) => name === 'svscan')).toHaveLength(1)
    await stopServices(ctx, made)
    await stopHostSvscan(ctx)
    await expect.poll(() => processesOfHome(ctx), { timeout: 10_000 }).toEqual([])
  })

  test('works where no svscan runs', async () => {
    const ctx = await servicesContext()
    const made = release([runner('./app.sh')])
    await started(ctx, made, APP)
    await enlist(ctx, made)
    await delist(ctx, made)
    expect(listing(ctx.paths.services)).toEqual([])
    await stopServices(ctx, made)
    expect(processesOfHome(ctx)).toEqual([])
  })
})

describe('the managed svscan', () => {
  test('is started once, found again, and ends with its supervises only', async () => {
    const ctx = await servicesContext()
    const made = release([runner('./app.sh')])
    await started(ctx, made, APP)
    await stopServices(ctx, made)
    await enlist(ctx, made)
    expect(await hostSvscanRunning(ctx)).toBe(false)
    const results = await Promise.all([ensureHostSvscan(ctx), ensureHostSvscan(ctx), ensureHostSvscan(ctx)])
    expect(results.toSorted()).toEqual(['running', 'running', 'started'])
    await complete(ctx, made, 1)
    const before = pidsOf(ctx, made)

    await stopHostSvscan(ctx)
    await stopHostSvscan(ctx)
    expect(await hostSvscanRunning(ctx)).toBe(false)
    expect(pidsOf(ctx, made)).toEqual(before)
    expect(processesOfHome(ctx)).toEqual(before)

    // The next one waits for what the former one had started.
    await ensureHostSvscan(ctx)
    await eventually('the waiting', () => count(ctx, 'setlock') === 1)
    expect(pidsOf(ctx, made)).toEqual(before)
    await stopHostSvscan(ctx)
    await stopServices(ctx, made)
    expect(processesOfHome(ctx)).toEqual([])
  })

  test('is started again after kill -9, and what it left does not stand in the way', async () => {
    const ctx = await servicesContext()
    const made = release([runner('./app.sh')])
    await started(ctx, made, APP)
    await complete(ctx, made, 1)
    await enlist(ctx, made)
    await ensureHostSvscan(ctx)
    await eventually('the waiting', () => count(ctx, 'setlock') === 1)
    const first = (await hostSvscan(ctx)) ?? 0
    sendSignal(first, 'SIGKILL')
    await eventually('its end', () => !isRunning(first))
    expect(await ensureHostSvscan(ctx)).toBe('started')
    await eventually('the waiting', () => {
      const waiting = processTable().find(
        ({ pid, name }) => name === 'setlock' && processesOfHome(ctx).includes(pid),
      )
      const supervise = processTable().find(({ pid }) => pid === waiting?.parent)
      return supervise?.name === 'supervise' && supervise.parent !== 1 && supervise.parent !== first
    })
    expect(count(ctx, 'setlock')).toBe(1)
    await stopHostSvscan(ctx)
    await stopServices(ctx, made)
    expect(processesOfHome(ctx)).toEqual([])
  })

  test('that cannot be started says what is missing', async () => {
    const ctx = await servicesContext()
    const without = { ...ctx, baseEnv: { ...ctx.baseEnv, PATH: '/nonexistent' } }
    await expect(ensureHostSvscan(without)).rejects.toMatchObject({
      message: 'svscan cannot be started',
      hint: 'install util-linux and daemontools: `flock` is not in PATH',
    })
  })
})
