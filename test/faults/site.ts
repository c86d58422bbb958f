/** A host on which deploys are cut short: an app that is live, pushes that die at a given point, requests all the while. */
import { chmod, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { listRecords } from '../../src/deploy/journal.ts'
import { liveRelease } from '../../src/system/state.ts'
import { createApp, type App, type Result } from '../support/app.ts'
import { domainWith } from '../support/apps.ts'
import { temporaryDirectory } from '../support/context.ts'
import { createHost, leftovers, PYPAAS, run, type Host } from '../support/host.ts'
import { startLoad, textsOf, type Load } from '../support/load.ts'
import { answering, DOMAIN, repoWith, SOON } from '../support/web.ts'
import { restingShape, shapeOf, type Shape } from './shape.ts'

export const MAIN = { repo: 'web', branch: 'main' }

/** See `preload.mjs`. */
export interface Fault {
  readonly command?: string
  readonly note?: string
  readonly when?: 'before' | 'after'
  readonly from?: string
  readonly call?: number
  readonly file?: string
  readonly bytes?: number
  readonly errno?: string
  readonly lasting?: boolean
  readonly count?: string
  readonly clock?: number
}

/** The environment of a process with a fault. */
export function faulty(fault: Fault): Record<string, string> {
  const preload = new URL('preload.mjs', import.meta.url)
  return { NODE_OPTIONS: `--import=${preload.href}`, PYPAAS_FAULT: JSON.stringify(fault) }
}

/** What else there is to say of a push. */
export interface PushDetails {
  /** Options of git-push(1). */
  readonly options?: readonly string[]
  /** What goes where; default: the branch `main`. */
  readonly refspec?: string
}

export interface FaultSite {
  readonly host: Host
  readonly app: App
  readonly load: Load
  /** Commits an app that answers with `text`, and pushes it through a handler of its own, as OpenSSH starts it. */
  readonly push: (text: string, fault?: Fault, options?: PushDetails) => Promise<Result>
  /** Runs pypaas, with a fault. */
  readonly pypaas: (fault: Fault, ...args: string[]) => Promise<Result>
  /** Text of the version that is live. */
  readonly live: () => Promise<string>
  /** Expects the host to be whole, after the one harmless command: just as it was, but for which version is live. */
  readonly recovered: () => Promise<void>
  /** From now on the host is to be as it is once all background work has ended. */
  readonly settled: () => Promise<void>
  /** Every text that was live at some time. */
  readonly texts: Set<string>
}

/** Short: what was killed while it drained is ended by the next. */
const SETTINGS = {
  releases: { keep: 1 },
  watch: { seconds: 0 },
  drain_timeout: 5,
  disk: { min_free: '1KiB' },
}

export interface SiteOptions {
  /** More of pypaas.yml, and of the runner. */
  readonly main?: object
  readonly runner?: object
  /** Pushes go to a daemon, which has the fault; it is started for each that has one. Default: each has a handler. */
  readonly daemon?: boolean
}

/** The host, with version `first` live. */
export async function faultSite(
  branch: object = {},
  { main = {}, runner = {}, daemon = false }: SiteOptions = {},
): Promise<FaultSite> {
  const host = await createHost({ ...SETTINGS, ...main })
  await host.configure('repos/web.yml', repoWith(branch, runner))
  await host.configure(`domains/${DOMAIN}.yml`, domainWith('web'))
  const directory = await temporaryDirectory()
  const faultFile = join(directory, 'fault')
  const script = join(directory, 'ssh')
  await writeFile(script, handler(host.home, faultFile))
  await chmod(script, 0o755)
  const env = { GIT_SSH_COMMAND: script, GIT_SSH_VARIANT: 'simple' }
  const files = { 'server.mjs': answering('first') }
  const app = daemon ? await host.app(files) : await createApp(files, env)
  const url = daemon ? host.url('web') : 'deploy@host:web'
  if (daemon) await host.serve()
  const texts = new Set(['first'])
  const byCommit = new Map([[(await app.git('rev-parse', 'HEAD')).stdout, 'first']])
  const push = async (text: string, fault?: Fault, details: PushDetails = {}): Promise<Result> => {
    const { options = [], refspec = 'main' } = details
    byCommit.set(await app.commit({ 'server.mjs': answering(text) }), text)
    if (fault !== undefined && daemon) await host.serve(faulty({ command: 'serve', ...fault }))
    else if (fault !== undefined) await writeFile(faultFile, JSON.stringify({ command: 'ssh', ...fault }))
    const result = await app.git('push', '--force', ...options, url, refspec)
    await rm(faultFile, { force: true })
    return result
  }
  const first = await app.git('push', url, 'main')
  expect(first.stderr).toContain('-----> Live')
  expect(first.status).toBe(0)
  const live = async (): Promise<string> =>
    byCommit.get((await liveRelease(host.paths, MAIN))?.commit ?? '') ?? 'nothing'
  let whole: Shape | undefined
  const handlers = async (): Promise<string[]> =>
    (await leftovers(host.home)).filter((line) => line.endsWith(' ssh alice'))
  const recovered = async (): Promise<void> => {
    // git need not wait for what it has heard the last of.
    await expect.poll(handlers, SOON).toEqual([])
    const { status, stderr } = await host.pypaas('list')
    expect(stderr).toBe('')
    expect(status).toBe(0)
    const text = await live()
    texts.add(text)
    // What is left of a switched deploy is ended in the background.
    await expect.poll(() => shapeOf(host, MAIN), SOON).toEqual(whole)
    expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: text })
  }
  const settled = async (): Promise<void> => {
    await host.pypaas('list')
    whole = await restingShape(host, MAIN)
    expect(whole.agrees).toBe(true)
  }
  await host.endDaemon('SIGTERM')
  await settled()
  const load = startLoad(host, DOMAIN, 40)
  return {
    host,
    app,
    load,
    push,
    live,
    recovered,
    settled,
    texts,
    pypaas: (fault, ...args) =>
      run(
        process.execPath,
        [PYPAAS, '--home', host.home, ...args],
        faulty({ command: args[0] ?? '', ...fault }),
      ),
  }
}

/** Ends the load: no request was refused, and each was answered by a version that was live. */
export async function expectServed(site: FaultSite, allowed: readonly string[] = []): Promise<void> {
  const answers = textsOf(await site.load.stop())
  const known = new Set([...[...site.texts].map((text) => `200 ${text}`), ...allowed])
  expect(answers.filter((text) => ![...known].some((one) => text.startsWith(one)))).toEqual([])
  expect(answers).toContain('200 first')
}

/** A point at which a deploy can be killed, and whether its release is live by then. */
export interface KillPoint {
  readonly note: string
  readonly when: 'before' | 'after'
  readonly live: boolean
}

/**
 * Between the phases that the last deploy has been through, before the note of it and after, and around the notes that
 * follow: taken from the journal, so that a new phase is covered without anyone thinking of it.
 */
export async function killPoints(host: Host): Promise<KillPoint[]> {
  const { phases } = (await listRecords(host.paths, MAIN)).at(-1) ?? { phases: [] }
  const before = phases.flatMap(({ name }): KillPoint[] => [
    { note: `begin ${name}`, when: 'before', live: false },
    { note: `begin ${name}`, when: 'after', live: false },
  ])
  return [
    ...before,
    { note: 'switched', when: 'before', live: true },
    { note: 'switched', when: 'after', live: true },
    { note: 'over', when: 'after', live: true },
  ]
}

/** What OpenSSH runs for a key, without OpenSSH. */
function handler(home: string, faultFile: string): string {
  const preload = fileURLToPath(new URL('preload.mjs', import.meta.url))
  return `#!/bin/sh
if [ -e '${faultFile}' ]; then
  NODE_OPTIONS='--import=file://${preload}' PYPAAS_FAULT=$(cat '${faultFile}')
  export NODE_OPTIONS PYPAAS_FAULT
fi
SSH_ORIGINAL_COMMAND=$2 exec '${process.execPath}' '${PYPAAS}' --home '${home}' ssh alice
`
}
