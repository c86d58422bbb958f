import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, copyFile, lstat, mkdir, readFile, watch } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { readIfThere, replaceFile } from '../../src/system/files.ts'
import { commandLineOf } from '../../src/system/processes.ts'
import { projectRoot } from '../../tools/prerequisites.mjs'
import { temporaryDirectory } from '../support/context.ts'
import { isRoot } from './image.ts'

const script = join(projectRoot, 'daemontools-run')

/** Starts it in a process group of its own, which is ended as a whole after the test. */
function start(program: string, args: string[]): ChildProcess {
  const child = spawn(program, args, {
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { PATH: process.env.PATH, SECRET: 'of the host' },
  })
  onTestFinished(async () => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    // svscan, its supervises and their services are all in it.
    process.kill(-child.pid, 'SIGKILL')
    await ended
  })
  return child
}

/** A service that writes down who and in what environment it is, and stays. */
async function addService(home: string, name: string): Promise<string> {
  const report = join(home, `report-${name}`)
  const run = `#!/bin/sh\n{ id -u; id -g; cat /proc/$PPID/environ | tr '\\0' '\\n'; } >'${report}.new'
mv '${report}.new' '${report}'\nexec sleep 1000\n`
  await mkdir(join(home, 'services', name), { recursive: true })
  await replaceFile(join(home, 'services', name, 'run'), run, 0o755)
  return report
}

async function appears(path: string): Promise<string> {
  const changes = watch(join(path, '..'), { signal: AbortSignal.timeout(30_000) })
  const there = await readIfThere(path)
  if (there !== undefined) return there
  for await (const _ of changes) {
    const text = await readIfThere(path)
    if (text !== undefined) return text
  }
  throw new Error(`${path} did not appear`)
}

describe('daemontools-run', () => {
  const me = userInfo().username

  it('runs the services of the home in a clean environment', async () => {
    const home = await temporaryDirectory()
    const report = await addService(home, 'web')
    start(script, [me, home])
    const [uid, gid, ...environment] = (await appears(report)).trimEnd().split('\n')
    expect([uid, gid]).toEqual([String(userInfo().uid), String(userInfo().gid)])
    expect(environment.toSorted()).toEqual([
      `HOME=${home}`,
      'LANG=C.UTF-8',
      `LOGNAME=${me}`,
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      `USER=${me}`,
    ])
  })

  it('holds the lock of the home, and a second one waits for it', async () => {
    const home = await temporaryDirectory()
    const report = await addService(home, 'web')
    const running = start(script, [me, home])
    await appears(report)
    const lock = join(home, 'run', 'svscan.lock')
    expect(spawnSync('setlock', ['-nx', lock, 'true']).status).toBe(0)
    expect(spawnSync('setlock', ['-n', lock, 'true']).status).toBe(111)
    const second = start(script, [me, home])
    await expect.poll(() => commandLineOf(second.pid ?? 0)).toMatch(/^setlock /)
    expect(await commandLineOf(running.pid ?? 0)).toBe(`svscan ${home}/services`)

    const ended = once(running, 'exit')
    process.kill(-(running.pid ?? 0), 'SIGKILL')
    await ended
    await expect.poll(() => commandLineOf(second.pid ?? 0)).toBe(`svscan ${home}/services`)
  })

  it('says so when there is no such user', () => {
    const { status, stderr } = spawnSync(script, ['no-such-user'], { encoding: 'utf8' })
    expect(status).toBe(1)
    expect(stderr).toBe('daemontools-run: there is no user no-such-user; make it with `pypaas install`\n')
  })

  it.runIf(isRoot)('started as root, works as the user', async () => {
    const home = await temporaryDirectory()
    const [, , uid, gid] = spawnSync('getent', ['passwd', 'nobody'], { encoding: 'utf8' })
      .stdout.split(':')
      .map(Number)
    // A copy in a place that the user can read, as the installation makes it.
    const place = await temporaryDirectory()
    await chmod(place, 0o755)
    const copy = join(place, 'daemontools-run')
    await copyFile(script, copy)
    await chown(home, uid ?? 0, gid ?? 0)
    const child = start(copy, ['nobody', home])
    const lock = join(home, 'run', 'svscan.lock')
    await expect.poll(() => commandLineOf(child.pid ?? 0)).toBe(`svscan ${home}/services`)
    for (const path of [lock, join(home, 'services')]) expect((await lstat(path)).uid).toBe(uid)
    expect(await readFile(`/proc/${child.pid}/status`, 'utf8')).toContain(
      `Uid:\t${uid}\t${uid}\t${uid}\t${uid}\n`,
    )
  })
})
