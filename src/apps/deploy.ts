/** Deploys of apps from the repository of artifacts: to a version, back to a kept one, or off the host. */
import { requireMain } from '../config/broken.ts'
import { messageOf, PypaasError } from '../errors.ts'
import type { Artifacts } from '../store/artifacts.ts'
import { withLock } from '../system/lock.ts'
import { emptyWorkingArea, fetchVersion, type Wanted } from './fetch.ts'
import { goBack, goLive, placeVersion, prepareAnew } from './files.ts'
import type { Install } from './install.ts'
import { pruneApp } from './prune.ts'
import { removeApp } from './remove.ts'
import { liveVersion, readInstalled } from './records.ts'
import { recoverApp } from './recover.ts'
import { deployRelease, rollBackRelease } from './runners.ts'

/** Name of the working area among the versions. */
const WORKING_AREA = 'unpack'

/**
 * Makes a version the live one: through the runners of the branch, or as files.
 * @param wanted.version undefined: the latest
 * @returns the version
 * @throws PypaasError if it cannot be; what is live stays live, unless the error is about the hook `deployed`
 */
export function deployApp(
  install: Install,
  artifacts: Artifacts,
  wanted: { readonly artifact: string; readonly version: string | undefined },
): Promise<string> {
  return changing(install, 'deploy', async () => {
    const { app, branch } = install
    const { artifact } = wanted
    // Asked for under the lock: whoever has waited takes what is the latest now.
    const { version, meta } = await artifacts.meta({ ...app, artifact, version: wanted.version })
    if (version === WORKING_AREA) {
      throw new PypaasError(
        'usage',
        `a version cannot be called ${WORKING_AREA}: versions are unpacked there`,
      )
    }
    const which = { app, artifact, version }
    if (branch === undefined) await deployFiles(install, artifacts, which, meta.sha256)
    else await deployRelease(install, branch, version, artifact, await fetch(install, artifacts, which))
    return version
  })
}

/**
 * Goes back to a kept version without the repository of artifacts.
 * @param version undefined: the one that was live before the live one
 */
export function rollBackApp(install: Install, version: string | undefined): Promise<void> {
  return changing(install, 'rollback', async () => {
    if (install.branch === undefined) await goBack(install, version)
    else await rollBackRelease(install, install.branch, version)
  })
}

/** Takes an app without runners off this host, with every version of it. */
export function uninstallApp(install: Install): Promise<void> {
  return changing(install, 'removal', () => removeApp(install))
}

async function deployFiles(
  install: Install,
  artifacts: Artifacts,
  { app, artifact, version }: Wanted,
  sha256: string,
): Promise<void> {
  const { ctx, output } = install
  const kept = await readInstalled(ctx.paths, app, version)
  const isSame = kept?.sha256 === sha256 && kept.artifact === artifact
  if (kept !== undefined && (await liveVersion(ctx.paths, app)) === version) {
    if (isSame) return output.line(`${app.app} ${app.target} ${version} is live already`)
    throw new PypaasError('failed', `${app.app} ${version} is live already, with another content`, {
      hint: 'a version never changes: put what is new under a new version',
    })
  }
  if (kept !== undefined && isSame) await prepareAnew(install, kept)
  else {
    await placeVersion(
      install,
      version,
      artifact,
      await fetch(install, artifacts, { app, artifact, version }),
    )
  }
  const placed = await readInstalled(ctx.paths, app, version)
  if (placed === undefined) throw new Error(`${version} has no record`)
  await goLive(install, placed)
}

function fetch(
  { ctx, output, signal }: Install,
  artifacts: Artifacts,
  wanted: Wanted,
): ReturnType<typeof fetchVersion> {
  return fetchVersion(ctx, artifacts, wanted, { output, signal })
}

/** Under the app's lock, after what a killed one has left was seen to. */
async function changing<T>(install: Install, what: string, work: () => Promise<T>): Promise<T> {
  const { ctx, app, by, output, signal, wait } = install
  requireMain(ctx.config)
  const options = {
    what: `${what} of ${app.app} ${app.target} by ${by}`,
    now: ctx.now(),
    wait,
    signal,
    onWait: () => output.line(`-----> Waiting for another change of ${app.app}`),
  }
  return withLock(ctx.paths.appLock(app.app), options, async () => {
    await recoverApp(install)
    try {
      return await work()
    } finally {
      await tidyUp(install)
    }
  })
}

/** Never fails: what is left is seen to by the next one. */
async function tidyUp(install: Install): Promise<void> {
  const { ctx, app, output } = install
  try {
    await emptyWorkingArea(ctx, app)
    await pruneApp(install)
  } catch (error) {
    output.line(` !     cannot remove old versions: ${messageOf(error)}`)
    ctx.log.warn({ ...app, error: messageOf(error) }, 'old versions of an app could not be removed')
  }
}
