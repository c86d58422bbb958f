/** Pulls within the test's process: settings, what was said, what is current. */
import { chmod, mkdir, readFile, readdir, readlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { parseRemote } from '../../src/config/remote.ts'
import type { MainConfig } from '../../src/config/types.ts'
import type { Context } from '../../src/context.ts'
import { pullOnce, type Outcome } from '../../src/pull/pull.ts'
import type { PullSettings } from '../../src/pull/settings.ts'
import { mainConfig, temporaryDirectory, testContext } from './context.ts'

export interface Puller {
  readonly ctx: Context
  readonly local: string
  readonly settings: PullSettings
  /** What was said by all pulls so far. */
  readonly said: string[]
  readonly pull: (signal?: AbortSignal) => Promise<Outcome>
  /** A file of what is current. */
  readonly read: (file: string) => Promise<string>
  /** Name of the current tree. */
  readonly current: () => Promise<string>
  /** Names of all trees. */
  readonly trees: () => Promise<string[]>
  /** Writes an executable for `sh` into one of the hook directories. */
  readonly hook: (stage: 'pre' | 'post', name: string, script: string, mode?: number) => Promise<void>
}

/** @param main more of the configuration of the host */
export async function puller(
  remote: string,
  changes: Partial<PullSettings> = {},
  main: Partial<MainConfig> = {},
): Promise<Puller> {
  const ctx = await testContext({ main: mainConfig(main) })
  const dir = await temporaryDirectory()
  const parsed = parseRemote(remote)
  if (typeof parsed === 'string') throw new Error(parsed)
  const local = join(dir, 'local')
  const settings: PullSettings = {
    remote: parsed,
    local,
    schedule: undefined,
    cache: join(dir, 'cache'),
    preHooks: join(dir, 'pre'),
    postHooks: join(dir, 'post'),
    keys: undefined,
    ...changes,
  }
  const said: string[] = []
  return {
    ctx,
    local,
    settings,
    said,
    pull: (signal = new AbortController().signal) =>
      pullOnce(ctx, settings, { output: { line: (text) => said.push(text) }, signal }),
    read: (file) => readFile(join(local, 'current', file), 'utf8'),
    current: () => readlink(join(local, 'current')),
    trees: () => readdir(join(local, '.pull', 'trees')),
    async hook(stage, name, script, mode = 0o755) {
      const path = join(dir, stage, name)
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, `#!/bin/sh\n${script}\n`)
      await chmod(path, mode)
    },
  }
}

/** Packs files into an archive with the programs of the system. */
export async function packed(archive: string, files: Readonly<Record<string, string>>): Promise<void> {
  const dir = await temporaryDirectory()
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(dir, name)), { recursive: true })
    await writeFile(join(dir, name), content, { mode: name.endsWith('.sh') ? 0o755 : 0o644 })
  }
  if (archive.endsWith('.zip')) {
    const script = 'import shutil, sys; shutil.make_archive(sys.argv[1], "zip", sys.argv[2])'
    await execa('python3', ['-c', script, archive.slice(0, -'.zip'.length), dir])
  } else {
    await execa('tar', ['-czf', archive, '-C', dir, '.'])
  }
}
