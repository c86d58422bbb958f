import { execFileSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { appendFile, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { serviceState } from '../../src/services/daemontools.ts'
import { lastLogLines } from '../../src/services/logs.ts'
import { membersOf } from '../../src/services/members.ts'
import { removeServices, startServices, stopServices, writeServices } from '../../src/services/tree.ts'
import { processesOf } from '../../src/release.ts'
import { isRunning, processTable, sendSignal } from '../../src/system/process-table.ts'
import {
  checkoutOf,
  eventually,
  listing,
  namesOfHome,
  processesOfHome,
  release,
  runner,
  servicesContext,
  started,
} from './release.ts'

const SLEEPER = 'sleep 1000'

describe('writing', () => {
  test('makes a private directory with a service a process, and nothing beside it', async () => {
    const ctx = await servicesContext()
    const made = release([runner(SLEEPER, { processCount: 2 }), runner(SLEEPER, { name: 'a/b' })])
    writeServices(ctx, made, await checkoutOf(ctx, made), () => ({ SECRET: 'x' }))

    const directory = ctx.paths.releaseServices(made)
    expect(listing(join(directory, '..'))).toEqual([made.release])
    expect(listing(directory)).toEqual(['a%2Fb-0', 'svscan.log', 'web-0', 'web-1'])
    expect(listing(join(directory, 'web-0'))).toEqual(['app', 'env', 'log', 'run'])
    const mode = (...path: string[]): string => (statSync(join(directory, ...path)).mode & 0o777).toString(8)
    expect([mode(), mode('web-0'), mode('web-0', 'env'), mode('web-0', 'app')]).toEqual([
      '700',
      '700',
      '600',
      '700',
    ])
    expect(readFileSync(join(directory, 'web-0', 'app'), 'utf8')).not.toContain('SECRET')
  })

  test('replaces what a deploy that was cut short has left', async () => {
    const ctx = await servicesContext()
    const made = release([runner(SLEEPER)])
    await mkdir(join(ctx.paths.releaseServices(made), 'old-0'), { recursive: true })
    writeServices(ctx, made, '/', () => ({}))
    expect(listing(ctx.paths.releaseServices(made))).toEqual(['svscan.log', 'web-0'])
  })

  test('that fails leaves nothing', async () => {
    const ctx = await servicesContext()
    const made = release([runner(SLEEPER)])
    expect(() => writeServices(ctx, made, '/', () => ({ 'not a name': '' }))).toThrow('not a name')
    expect(listing(join(ctx.paths.releaseServices(made), '..'))).toEqual([])
  })
})

const DUMP = 'cat /proc/self/environ >environ.tmp && mv environ.tmp environ && exec sleep 1000'

describe('the environment of a process', () => {
  test('is what it was given, whatever the values hold, and the mark of the release', async () => {
    const ctx = await servicesContext()
    const made = release([runner('./app.sh')])
    const everything = Array.from({ length: 0x7ff }, (_, at) => String.fromCodePoint(at + 1)).join('')
    const env = {
      QUOTES: `it's "quoted" \\ \\' '' \\n`,
      LINES: '\none\n\ntwo\n\n\n',
      SHELL_TEXT: '$HOME ${PATH} $(id) `id` !! * ~ ; & | < > # %',
      UNICODE: 'ünïcödé 🐘 日本 \u2028',
      EVERYTHING: everything,
      EMPTY: '',
      _under: 'x',
    }
    await started(ctx, made, { 'app.sh': `#!/bin/sh\n${DUMP}\n` }, env)
    const file = join(ctx.paths.checkout(made, made.checkout), 'environ')
    const text = await eventually('the environment', () => {
      try {
        return readFileSync(file, 'utf8')
      } catch {
        return undefined
      }
    })
    const found = Object.fromEntries(
      text
        .split('\0')
        .filter((entry) => entry !== '')
        .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
    )
    // What sh adds by itself.
    delete found['PWD']
    delete found['_']
    delete found['SHLVL']
    expect(found).toEqual({ ...ctx.baseEnv, ...env, PYPAAS_RELEASE: ctx.paths.hostService(made) })
  })

  test('arrives in a command of several parts too', async () => {
    const ctx = await servicesContext()
    const made = release([runner('cd sub && A="$B c" ./app.sh')])
    const script = '#!/bin/sh\necho "$A in ${PWD##*/}"\nexec sleep 1000\n'
    await started(ctx, made, { 'sub/app.sh': script }, { B: 'b' })
    const lines = await eventually('the line', async () => {
      const found = await lastLogLines(ctx, made, 'web', 0, 5)
      return found.length > 0 && found
    })
    expect(lines.map(({ text }) => text)).toEqual(['b c in sub'])
  })
})

describe('a started release', () => {
  test('runs under a svscan in a session of its own, and logs both outputs', async () => {
    const ctx = await servicesContext()
    const made = release([runner('./app.sh', { processCount: 2 })])
    await started(ctx, made, { 'app.sh': '#!/bin/sh\necho out\necho err >&2\nexec sleep 1000\n' })
    const logged = async (index: number): Promise<boolean> =>
      (await lastLogLines(ctx, made, 'web', index, 9)).length === 2
    await eventually('the logs', async () => (await logged(0)) && (await logged(1)))
    await eventually('the processes', () => namesOfHome(ctx).filter((name) => name === 'sleep').length === 2)
    expect(namesOfHome(ctx)).toEqual([
      'multilog',
      'multilog',
      'sleep',
      'sleep',
      'supervise',
      'supervise',
      'supervise',
      'supervise',
      'svscan',
    ])
    const members = membersOf(ctx.paths, made)
    const session = (name: string): unknown => members.find((member) => member.name === name)?.session
    expect(session('svscan')).toBe(session('supervise'))
    expect(session('svscan')).not.toBe(processTable().find(({ pid }) => pid === process.pid)?.session)
    // Each process leads one of its own, so that what it leaves behind can be told from all else.
    const sleep = members.find(({ name }) => name === 'sleep')
    expect(sleep?.session).toBe(sleep?.pid)
    const lines = await lastLogLines(ctx, made, 'web', 0, 9)
    expect(lines.map(({ text }) => text)).toEqual(['out', 'err'])
    await stopServices(ctx, made, processesOf(made))
    expect(processesOfHome(ctx)).toEqual([])
  })

  test('gives its processes a standard input that never ends, also after a restart', async () => {
    const ctx = await servicesContext()
    const made = release([runner('./app.sh')])
    // `read` ends at the end of its input, as an interpreter does.
    await started(ctx, made, { 'app.sh': '#!/bin/sh\necho reading\nread -r line\necho ended\n' })
    const log = async (): Promise<string[]> =>
      (await lastLogLines(ctx, made, 'web', 0, 10)).map(({ text }) => text)
    const service = ctx.paths.service(made, 'web', 0)
    const pid = await eventually('the first line', async () =>
      (await log()).includes('reading') ? serviceState(service).pid : undefined,
    )
    sendSignal(pid, 'SIGKILL')
    await eventually('the second start', async () => (await log()).length > 1)
    expect(await log()).toEqual(['reading', 'reading'])
    expect(statSync(join(service, 'input')).mode & 0o777).toBe(0o600)
  })

  test('is left as it is by a second start', async () => {
    const ctx = await servicesContext()
    const made = release([runner(SLEEPER)])
    await started(ctx, made)
    const before = processesOfHome(ctx)
    await startServices(ctx, made)
    // A setlock that has found the lock taken ends at once, and may be there for a moment.
    const more = (): number[] => processesOfHome(ctx).filter((pid) => !before.includes(pid) && isRunning(pid))
    await expect.poll(more).toEqual([])
    await stopServices(ctx, made)
    expect(processesOfHome(ctx)).toEqual([])
  })

  test('that cannot start says what svscan said', async () => {
    const ctx = await servicesContext()
    const made = release([runner(SLEEPER)])
    writeServices(ctx, made, '/', () => ({}))
    // A file where supervise wants to make its directory.
    await writeFile(join(ctx.paths.service(made, 'web', 0), 'supervise'), '')
    await rm(ctx.paths.releaseLock(made), { force: true })
    const without = { ...ctx, baseEnv: { ...ctx.baseEnv, PATH: '/nonexistent' } }
    await expect(startServices(without, made)).rejects.toMatchObject({
      message: 'the processes of shop master cannot be started',
      hint: 'install daemontools: `setlock` and `svscan` are not in PATH',
    })
  })
})

describe('stopping', () => {
  test('is done when it has never started, and twice', async () => {
    const ctx = await servicesContext()
    const made = release([runner(SLEEPER)])
    await stopServices(ctx, made)
    await started(ctx, made)
    await stopServices(ctx, made)
    await stopServices(ctx, made)
    expect(processesOfHome(ctx)).toEqual([])
    await removeServices(ctx, made)
    await removeServices(ctx, made)
    expect(listing(join(ctx.paths.releaseServices(made), '..'))).toEqual([])
  })

  test('frees the lock, so that the release can start again', async () => {
    const ctx = await servicesContext()
    const made = release([runner(SLEEPER)])
    await started(ctx, made)
    await stopServices(ctx, made)
    execFileSync('flock', ['-n', ctx.paths.releaseLock(made), 'true'])
    await startServices(ctx, made)
    await eventually('the process', () => namesOfHome(ctx).includes('sleep'))
    await stopServices(ctx, made)
    expect(processesOfHome(ctx)).toEqual([])
  })

  test('lets a process end in order and keeps all that it printed', async () => {
    const ctx = await servicesContext()
    const made = release([runner('./app.sh')])
    const script = `#!/bin/sh
trap 'i=0; while [ $i -lt 500 ]; do echo "line $i"; i=$((i + 1)); done; printf "last"; exit' TERM
echo ready
while :; do sleep 0.01; done
`
    await started(ctx, made, { 'app.sh': script })
    await eventually('ready', async () => (await lastLogLines(ctx, made, 'web', 0, 1)).length === 1)
    await stopServices(ctx, made, processesOf(made))
    const lines = (await lastLogLines(ctx, made, 'web', 0, 1000)).map(({ text }) => text)
    expect(lines).toHaveLength(502)
    expect(lines.slice(-2)).toEqual(['line 499', 'last'])
    expect(processesOfHome(ctx)).toEqual([])
  })

  test('kills what takes no notice of TERM, after stop_timeout', async () => {
    const ctx = await servicesContext()
    const made = release([runner('./app.sh', { stopTimeout: 0.3 })])
    await started(ctx, made, {
      'app.sh': '#!/bin/sh\ntrap "echo not yet" TERM\necho ready\nwhile :; do sleep 0.01; done\n',
    })
    await eventually('ready', async () => (await lastLogLines(ctx, made, 'web', 0, 1)).length === 1)
    await stopServices(ctx, made, processesOf(made))
    const lines = await lastLogLines(ctx, made, 'web', 0, 9)
    expect(lines.map(({ text }) => text)).toEqual(['ready', 'not yet'])
    expect(processesOfHome(ctx)).toEqual([])
  })

  test('sends a child of a main process TERM only once its parent has gone', async () => {
    const ctx = await servicesContext()
    const made = release([runner('./parent.sh')])
    await started(ctx, made, {
      'parent.sh': `#!/bin/sh
./child.sh &
child=$!
trap 'echo parent told; kill $child; wait $child; echo parent ends; exit' TERM
wait
`,
      'child.sh': `#!/bin/sh
trap 'echo child told; exit' TERM
echo ready
while :; do sleep 0.01; done
`,
    })
    await eventually('ready', async () => (await lastLogLines(ctx, made, 'web', 0, 1)).length === 1)
    await stopServices(ctx, made, processesOf(made))
    const lines = (await lastLogLines(ctx, made, 'web', 0, 9)).map(({ text }) => text)
    expect(lines).toEqual(['ready', 'parent told', 'child told', 'parent ends'])
    expect(processesOfHome(ctx)).toEqual([])
  })

  test('ends grandchildren, those that left the session, and those that overwrote their environment', async () => {
    const ctx = await servicesContext()
    const made = release([runner('./app.sh')])
    await started(ctx, made, {
      'app.sh': `#!/bin/sh
(sleep 1001 &)
setsid sleep 1002 &
env -i sh -c 'exec sleep 1003' &
(env -i sleep 1004 &)
echo ready
exec sleep 1000
`,
    })
    const sleepers = (): number => membersOf(ctx.paths, made).filter(({ name }) => name === 'sleep').length
    await eventually('all of them', () => sleepers() === 5)
    const pids = membersOf(ctx.paths, made).map(({ pid }) => pid)
    await stopServices(ctx, made, processesOf(made))
    expect(pids.filter((pid) => isRunning(pid))).toEqual([])
    expect(processesOfHome(ctx)).toEqual([])
  })

  test('ends one that hides from everything but has the lock open', async () => {
    const ctx = await servicesContext()
    const made = release([runner('./app.sh')])
    await started(ctx, made, {
      'app.sh': `#!/bin/sh
(setsid env -i sleep 1005 >/dev/null 2>&1 &)
exec sleep 1000
`,
    })
    const hidden = await eventually('the hidden one', () =>
      processTable().find(
        ({ pid, name }) =>
          name === 'sleep' && cmdline(pid) === 'sleep 1005' && ours(ctx.paths.releaseLock(made), pid),
      ),
    )
    await stopServices(ctx, made, processesOf(made))
    expect(isRunning(hidden.pid)).toBe(false)
    expect(processesOfHome(ctx)).toEqual([])
  })

  test.each(['svscan', 'supervise', 'svscan and supervise', 'multilog', 'supervise and multilog and svscan'])(
    'works when %s %s %s was killed',
    async (...names) => {
      const ctx = await servicesContext()
      const made = release([runner(SLEEPER, { processCount: 2 })])
      await started(ctx, made)
      await eventually('sleep', () => namesOfHome(ctx).filter((name) => name === 'sleep').length === 2)
      for (const name of names) {
        for (const member of membersOf(ctx.paths, made))
          if (member.name === name) sendSignal(member.pid, 'SIGKILL')
      }
      await stopServices(ctx, made, processesOf(made))
      expect(processesOfHome(ctx)).toEqual([])
      execFileSync('flock', ['-n', ctx.paths.releaseLock(made), 'true'])
    },
  )

  test('works when the directory has gone', async () => {
    const ctx = await servicesContext()
    const made = release([runner(SLEEPER)])
    await started(ctx, made)
    await eventually('sleep', () => namesOfHome(ctx).includes('sleep'))
    await rm(ctx.paths.releaseServices(made), { recursive: true })
    await stopServices(ctx, made, processesOf(made))
    expect(processesOfHome(ctx)).toEqual([])
  })

  test('of foo leaves foobar and another release of foo alone', async () => {
    const ctx = await servicesContext()
    const foo = release([runner(SLEEPER)], { repo: 'foo' })
    const newer = { ...foo, release: `${foo.release}.2` }
    const foobar = { ...foo, repo: 'foobar' }
    for (const made of [foo, newer, foobar]) await started(ctx, made)
    await eventually(
      'all',
      () => namesOfHome(ctx).filter((name) => ['sleep', 'multilog'].includes(name)).length === 6,
    )
    const members = [newer, foobar].map((made) => membersOf(ctx.paths, made).map(({ pid }) => pid))
    await stopServices(ctx, foo)
    expect(membersOf(ctx.paths, foo)).toEqual([])
    expect([newer, foobar].map((made) => membersOf(ctx.paths, made).map(({ pid }) => pid))).toEqual(members)
    await Promise.all([stopServices(ctx, newer), stopServices(ctx, foobar)])
    expect(processesOfHome(ctx)).toEqual([])
  })

  test('ends a process that crashes again and again', async () => {
    const ctx = await servicesContext()
    const made = release([runner('false')])
    await started(ctx, made)
    await stopServices(ctx, made)
    expect(processesOfHome(ctx)).toEqual([])
  })

  test('wakes a process that was stopped by a signal', async () => {
    const ctx = await servicesContext()
    const made = release([runner('./app.sh')])
    await started(ctx, made, {
      'app.sh': '#!/bin/sh\ntrap "echo told; exit" TERM\necho ready\nwhile :; do sleep 0.01; done\n',
    })
    await eventually('ready', async () => (await lastLogLines(ctx, made, 'web', 0, 1)).length === 1)
    sendSignal(serviceState(ctx.paths.service(made, 'web', 0)).pid ?? 0, 'SIGSTOP')
    await stopServices(ctx, made, processesOf(made))
    expect((await lastLogLines(ctx, made, 'web', 0, 1)).map(({ text }) => text)).toEqual(['told'])
  })
})

test('a new supervise ends what the killed one has left before it starts the process again', async () => {
  const ctx = await servicesContext()
  const made = release([runner('./app.sh')])
  // As with a port, only one can have the lock; the child is what keeps it.
  await started(ctx, made, {
    'app.sh': '#!/bin/sh\nflock -n app.lock sleep 1000 || echo "already there"\n',
  })
  const directory = ctx.paths.service(made, 'web', 0)
  const first = await eventually(
    'sleep',
    () => namesOfHome(ctx).includes('sleep') && serviceState(directory).pid,
  )
  const supervise = membersOf(ctx.paths, made).find(({ pid }) => pid === first)?.parent ?? 0
  sendSignal(supervise, 'SIGKILL')
  await eventually('another one', () => {
    const { pid, supervised } = serviceState(directory)
    return supervised && pid !== undefined && pid !== first && !isRunning(first)
  })
  await eventually('its child', () => namesOfHome(ctx).filter((name) => name === 'sleep').length === 1)
  expect(await lastLogLines(ctx, made, 'web', 0, 5)).toEqual([])
  await appendFile(join(directory, 'starts'), '')
  expect(readFileSync(join(directory, 'starts'), 'utf8')).toMatch(/^2 /)
  await stopServices(ctx, made, processesOf(made))
  expect(processesOfHome(ctx)).toEqual([])
})

function cmdline(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
  } catch {
    return ''
  }
}

function ours(lock: string, pid: number): boolean {
  try {
    return execFileSync('ls', ['-l', `/proc/${pid}/fd`], { encoding: 'utf8' }).includes(lock)
  } catch {
    return false
  }
}
