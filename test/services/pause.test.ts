import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Context } from '../../src/context.ts'
import type { Release } from '../../src/release.ts'
import { serviceState } from '../../src/services/daemontools.ts'
import { membersOf } from '../../src/services/members.ts'
import { pauseProcesses, resumeProcesses } from '../../src/services/pause.ts'
import { releaseStatus } from '../../src/services/status.ts'
import { stopServices } from '../../src/services/tree.ts'
import { lastLines } from '../../src/system/output.ts'
import { isRunning, sendSignal } from '../../src/system/process-table.ts'
import { eventually, HEALTH, processesOfHome, release, runner, servicesContext, started } from './release.ts'

function pidOf(ctx: Context, made: Release, name: string): number | undefined {
  const { pid } = serviceState(ctx.paths.service(made, name, 0))
  return pid !== undefined && isRunning(pid) ? pid : undefined
}

async function twoWorkers(): Promise<{ ctx: Context; made: Release }> {
  const ctx = await servicesContext()
  const made = release([
    runner('sleep 1000 | cat', { name: 'bot', stopTimeout: 0.5 }),
    runner('sleep 1000', { name: 'web', stopTimeout: 0.5 }),
  ])
  await started(ctx, made)
  await eventually('both', () => {
    const names = membersOf(ctx.paths, made).map(({ name }) => name)
    return names.includes('cat') && names.filter((name) => name === 'sleep').length === 2
  })
  return { ctx, made }
}

test('one runner is paused with all that it started, the other goes on; it comes back when resumed', async () => {
  const { ctx, made } = await twoWorkers()
  const web = pidOf(ctx, made, 'web')
  await pauseProcesses(ctx, made, ['bot'])
  expect(pidOf(ctx, made, 'bot')).toBeUndefined()
  expect(pidOf(ctx, made, 'web')).toBe(web)
  const names = membersOf(ctx.paths, made).map(({ name }) => name)
  expect(names).not.toContain('cat')
  expect(names.filter((name) => name === 'sleep')).toHaveLength(1)
  // Over a reboot too.
  expect(existsSync(join(ctx.paths.service(made, 'bot', 0), 'down'))).toBe(true)

  const output = lastLines(10)
  await resumeProcesses(ctx, made, output)
  expect(output.lines).toEqual([])
  expect(pidOf(ctx, made, 'bot')).toBeDefined()
  expect(pidOf(ctx, made, 'web')).toBe(web)
  expect(existsSync(join(ctx.paths.service(made, 'bot', 0), 'down'))).toBe(false)
  // A pause is no crash.
  expect(await releaseStatus(ctx, made)).toMatchObject([
    { runner: 'bot', state: 'up', restarts: 0 },
    { runner: 'web', state: 'up', restarts: 0 },
  ])
  await stopServices(ctx, made)
  expect(processesOfHome(ctx)).toEqual([])
})

test('all of a release is paused, and resumed after all of it has died', async () => {
  const { ctx, made } = await twoWorkers()
  await pauseProcesses(ctx, made)
  await pauseProcesses(ctx, made)
  expect([pidOf(ctx, made, 'bot'), pidOf(ctx, made, 'web')]).toEqual([undefined, undefined])
  for (const pid of processesOfHome(ctx)) sendSignal(pid, 'SIGKILL')
  await eventually('the end', () => processesOfHome(ctx).length === 0)

  await resumeProcesses(ctx, made, lastLines(10))
  expect([pidOf(ctx, made, 'bot'), pidOf(ctx, made, 'web')]).not.toContain(undefined)
  await stopServices(ctx, made)
  expect(processesOfHome(ctx)).toEqual([])
})

test('a process without a supervise, and one that takes no notice of TERM, are ended too', async () => {
  const ctx = await servicesContext()
  const made = release([
    runner('./deaf.sh', { name: 'deaf', stopTimeout: 0.2 }),
    runner('sleep 1000', { name: 'web', stopTimeout: 0.2 }),
  ])
  await started(ctx, made, {
    'deaf.sh': '#!/bin/sh\ntrap "" TERM\ntouch ready\nwhile :; do sleep 0.01; done\n',
  })
  await eventually('ready', () => existsSync(join(ctx.paths.checkout(made, made.checkout), 'ready')))
  const web = await eventually('web', () => {
    const found = membersOf(ctx.paths, made).find(
      ({ name, parent }) => name === 'sleep' && parent === superviseOf('web'),
    )
    return found
  })
  function superviseOf(name: string): number | undefined {
    const pid = pidOf(ctx, made, name)
    return membersOf(ctx.paths, made).find((member) => member.pid === pid)?.parent
  }
  for (const { pid, name } of membersOf(ctx.paths, made)) {
    if (name === 'svscan' || pid === web.parent) sendSignal(pid, 'SIGKILL')
  }
  await pauseProcesses(ctx, made)
  expect([pidOf(ctx, made, 'deaf'), isRunning(web.pid)]).toEqual([undefined, false])
  await stopServices(ctx, made)
  expect(processesOfHome(ctx)).toEqual([])
})

test('a release that does not get well again is told of, not thrown', async () => {
  const ctx = await servicesContext()
  // Time enough for a busy machine to come from the start of the script to the end of the process.
  const health = { ...HEALTH, uptime: 10 }
  const made = release([runner('test -e well && exec sleep 1000', { health })])
  await started(ctx, made, { well: '' })
  await eventually('the process', () => pidOf(ctx, made, 'web'))
  await pauseProcesses(ctx, made)
  const { rm } = await import('node:fs/promises')
  await rm(join(ctx.paths.checkout(made, made.checkout), 'well'))
  const output = lastLines(10)
  await resumeProcesses(ctx, made, output)
  expect(output.lines).toEqual([
    `the former release ${made.release} is not well: ` +
      'the process web-0 ended with status 1 before it was healthy',
  ])
  await stopServices(ctx, made)
})
