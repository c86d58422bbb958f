/** Versions of an app without runners: files, of which `live` names one. Renaming that link is the SWITCH. */
import { mkdir, rename } from 'node:fs/promises'
import { dirname, relative } from 'node:path'
import { PypaasError } from '../errors.ts'
import { replaceLink, syncDirectory } from '../system/files.ts'
import { capture } from '../system/run.ts'
import type { Fetched } from './fetch.ts'
import { finish } from './finish.ts'
import { markedFor, runOf, versionAt, type Install } from './install.ts'
import { prepareVersion } from './prepare.ts'
import { sourceText } from './source.ts'
import {
  liveVersion,
  readInstalled,
  removeInstalled,
  writeInstalled,
  writePending,
  type Installed,
} from './records.ts'

/**
 * Puts a fetched version beside the live one, whole: prepared, on the disk, and recorded.
 * @throws PypaasError if its hook fails; nothing of it is left then
 */
export async function placeVersion(
  install: Install,
  version: string,
  artifact: string,
  fetched: Fetched,
): Promise<void> {
  const { ctx, app } = install
  const places = ctx.paths.app(app)
  const path = places.version(version)
  await removeInstalled(ctx.paths, app, version)
  await mkdir(places.versions, { recursive: true })
  try {
    await rename(fetched.files, path)
    const at = versionAt(install, version, { path, commit: fetched.commit })
    await prepareVersion(markedFor(install), at, fetched.wheels, runOf(install))
    // After a power cut, a version that has a record must not be empty files (sync(1)).
    await capture(['sync', '-f', path], { env: ctx.baseEnv, signal: install.signal })
    await syncDirectory(places.versions)
    const { sha256, commit, subject } = fetched
    await writeInstalled(
      ctx.paths,
      app,
      await recordOf(install, { version, artifact, sha256, commit, subject }),
    )
  } catch (error) {
    await removeInstalled(ctx.paths, app, version)
    throw error
  }
}

/** The same for a version that is whole already, and not live: only what the host has to say may be another by now. */
export async function prepareAnew(install: Install, kept: Installed): Promise<void> {
  const { ctx, app } = install
  const path = ctx.paths.app(app).version(kept.version)
  const version = versionAt(install, kept.version, { path, commit: kept.commit })
  // Its packages are in its virtualenv, which is kept for as long as the version.
  await prepareVersion(markedFor(install), version, undefined, runOf(install))
  await writeInstalled(ctx.paths, app, await recordOf(install, kept))
}

async function recordOf(
  { ctx, app, by }: Install,
  { version, artifact, sha256, commit, subject }: Omit<Installed, 'by' | 'deployed' | 'former'>,
): Promise<Installed> {
  const former = await liveVersion(ctx.paths, app)
  return {
    version,
    artifact,
    sha256,
    commit,
    subject,
    by,
    deployed: ctx.now().toISOString(),
    ...(former === undefined || former === version ? {} : { former }),
  }
}

/** Makes a whole version the live one, and tells the app. */
export async function goLive(install: Install, { version, artifact, commit }: Installed): Promise<void> {
  const { ctx, app, output, signal } = install
  if (signal.aborted) throw new PypaasError('cancelled', 'the deploy was cancelled')
  const { live, version: pathOf } = ctx.paths.app(app)
  await writePending(ctx.paths, app, { version, source: sourceText(app, artifact, version) })
  await replaceLink(live, relative(dirname(live), pathOf(version)))
  output.line(`-----> Live: ${app.app} ${app.target} ${version}, in ${live}`)
  await finish(install, versionAt(install, version, { path: pathOf(version), commit }))
}

/** Goes back to a kept version: the one that is named, or the one that was live before the live one. */
export async function goBack(install: Install, name: string | undefined): Promise<string> {
  const { ctx, app } = install
  const live = await liveVersion(ctx.paths, app)
  const target = await targetOf(install, live, name)
  const kept = target === undefined ? undefined : await readInstalled(ctx.paths, app, target)
  if (kept === undefined) {
    const what =
      name === undefined ? 'there is no kept version before the live one' : `the version ${name} is not kept`
    throw new PypaasError('failed', `${app.app} ${app.target}: ${what}`, {
      hint: `\`deploy ${app.app} --list\` lists those that are kept; \`deploy ${app.app} --version …\` fetches one`,
    })
  }
  if (kept.version === live) throw new PypaasError('failed', `${kept.version} is live already`)
  await goLive(install, kept)
  return kept.version
}

async function targetOf(
  { ctx, app }: Install,
  live: string | undefined,
  name: string | undefined,
): Promise<string | undefined> {
  if (name !== undefined || live === undefined) return name
  return (await readInstalled(ctx.paths, app, live))?.former
}
