/** Finishes or clears away what a deploy of an app left behind that was killed. */
import { messageOf } from '../errors.ts'
import { nameOfFile } from '../names.ts'
import { namesIn } from '../system/files.ts'
import { removeOrphans } from '../system/orphans.ts'
import { liveRelease } from '../system/state.ts'
import { emptyWorkingArea } from './fetch.ts'
import { endHooks, finish } from './finish.ts'
import { versionAt, type Install } from './install.ts'
import {
  clearPending,
  liveVersion,
  readInstalled,
  readPending,
  removeInstalled,
  type Pending,
} from './records.ts'
import { finishRelease, refOf, underLock } from './runners.ts'

/** The caller holds the app's lock, so that whatever is left belongs to nobody. */
export async function recoverApp(install: Install): Promise<void> {
  const { ctx, app } = install
  await endHooks(install)
  await emptyWorkingArea(ctx, app)
  await removeUnrecorded(install)
  for (const directory of directoriesOf(install)) await removeOrphans(directory)
  const pending = await readPending(ctx.paths, app)
  if (pending === undefined) return
  try {
    await finishPending(install, pending)
  } catch (error) {
    // It has been told, and must not keep the next version away.
    install.output.line(` !     ${messageOf(error)}`)
  }
}

/** The last deploy was killed: if its version is live, its hook has perhaps not run. */
async function finishPending(install: Install, { version, source }: Pending): Promise<void> {
  const { ctx, app, branch } = install
  if (branch !== undefined) {
    await underLock(install, branch, `recovery of ${app.app} ${app.target}`, async () => {
      if ((await liveRelease(ctx.paths, refOf(branch)))?.source === source)
        await finishRelease(install, branch)
      else await clearPending(ctx.paths, app)
    })
    return
  }
  const record = await readInstalled(ctx.paths, app, version)
  if (record === undefined || (await liveVersion(ctx.paths, app)) !== version) {
    return clearPending(ctx.paths, app)
  }
  const path = ctx.paths.app(app).version(version)
  await finish(install, versionAt(install, version, { path, commit: record.commit }))
}

/** What has no record is half of a version. */
async function removeUnrecorded({ ctx, app }: Install): Promise<void> {
  const live = await liveVersion(ctx.paths, app)
  for (const file of await namesIn(ctx.paths.app(app).versions)) {
    const version = nameOfFile(file)
    if (version === undefined || version === live) continue
    if ((await readInstalled(ctx.paths, app, version)) === undefined)
      await removeInstalled(ctx.paths, app, version)
  }
}

function directoriesOf({ ctx, app }: Install): string[] {
  const { root, records, virtualenvs } = ctx.paths.app(app)
  return [root, records, virtualenvs]
}
