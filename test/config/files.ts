/** A configuration directory with the given files, and what loading it says. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { loadConfig } from '../../src/config/load.ts'
import { problemText } from '../../src/config/report.ts'
import type { Config } from '../../src/config/types.ts'
import { temporaryDirectory } from '../support/context.ts'

/** The smallest `pypaas.yml` that is right. */
export const MAIN = 'ports: {min: 61500, max: 61800}\n'

/** The smallest repo that is right; its branch is `main`, its runner `web`. */
export const REPO = 'branches: {main: {runners: {web: {type: NginxBackend, cmd: node server.js}}}}\n'

/** A domain whose `/` is the runner of {@link REPO} in the repo `app`. */
export const DOMAIN = 'locations: {/: {upstream: {repo: app, branch: main, runner: web}}}\n'

export type Files = Readonly<Record<string, string | Uint8Array>>

/** Writes the files below `dir`; `pypaas.yml` is {@link MAIN} if it is not given. */
export async function writeConfig(dir: string, files: Files): Promise<void> {
  for (const [name, content] of Object.entries({ 'pypaas.yml': MAIN, ...files })) {
    await mkdir(dirname(join(dir, name)), { recursive: true })
    await writeFile(join(dir, name), content)
  }
}

export async function configOf(files: Files): Promise<Config> {
  const dir = await temporaryDirectory()
  await writeConfig(dir, files)
  return loadConfig(dir)
}

/** `file:line:column: message`, the files relative to the configuration's directory. */
export function problemsOf(config: Config): string[] {
  return config.problems.map((problem) => problemText(problem).replaceAll(`${config.dir}/`, ''))
}

export async function problemsIn(files: Files): Promise<string[]> {
  return problemsOf(await configOf(files))
}
