/** What `scripts/dist.sh` made of a project: the files to pack, if it made any. */
import { mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { BuildJob } from '../build/builder.ts'
import { PypaasError } from '../errors.ts'
import { listDirectory } from '../system/state.ts'
import { runProjectScript, type ScriptPlaces } from './scripts.ts'
import { unpackArchive } from './unpack.ts'

export const DIST_SCRIPT = 'scripts/dist.sh'

/**
 * Runs the script.
 * @returns the directory of the files to pack: what it put into `DIST_DIR`, or the archive that it made there or in
 * `dist`, unpacked; the project itself if it made neither
 */
export async function runDist(job: BuildJob, { DIST_DIR, SCRATCHPAD }: ScriptPlaces): Promise<string> {
  const { path } = job.target
  const dist = join(path, 'dist')
  const before = await archivesIn(dist)
  await runProjectScript(job, DIST_SCRIPT)
  const made = await listDirectory(DIST_DIR)
  const archives =
    made.length > 0
      ? made.filter(isArchive).map((name) => join(DIST_DIR, name))
      : [...(await archivesIn(dist))].flatMap(([file, time]) => (before.get(file) === time ? [] : [file]))
  if (archives.length > 1 && (made.length === 0 || made.length === archives.length)) {
    throw new PypaasError('failed', `${DIST_SCRIPT} made more than one archive`, {
      output: archives,
      hint: 'an artifact has the files of one; put what belongs into it into $DIST_DIR',
    })
  }
  const [archive] = archives
  if (made.length > 1 || (made.length === 1 && archive === undefined)) return DIST_DIR
  return archive === undefined ? path : unpacked(archive, join(SCRATCHPAD, 'dist'))
}

/** As `tar x` of the archives that projects make: most have all of their files in one directory. */
async function unpacked(archive: string, directory: string): Promise<string> {
  await mkdir(directory)
  await unpackArchive(archive, directory)
  const [only = '', ...more] = await readdir(directory)
  const inside = join(directory, only)
  return more.length === 0 && only !== '' && (await stat(inside)).isDirectory() ? inside : directory
}

function isArchive(name: string): boolean {
  return /\.(tar|tar\.gz|tgz|tar\.bz2|tbz2?|zip)$/.test(name)
}

/** Archives and when they were last written. */
async function archivesIn(directory: string): Promise<Map<string, number>> {
  const found = new Map<string, number>()
  for (const name of await listDirectory(directory)) {
    if (isArchive(name)) found.set(join(directory, name), (await stat(join(directory, name))).mtimeMs)
  }
  return found
}
