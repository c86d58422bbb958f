/** What is in an unpacked artifact: the files of the app, and what comes with them. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { APP, INFO, readInfo, verifyFiles, WHEELS, type ArtifactInfo } from '../artifact/info.ts'
import { PypaasError } from '../errors.ts'
import { readIfThere } from '../system/files.ts'

/** Levels that run; those before belonged to systems that are gone (`deploy/compat` of the app). */
const COMPAT = [4, 5]

/** What the formats add to an artifact's name. */
const FORMAT = /\.(tar\.gz|tgz|tar\.bz2|tbz2?|tar|zip)$/

export interface Contents {
  /** The directory of the app's own files. */
  readonly files: string
  /** Directory of the Python packages that came with it; undefined: none did. */
  readonly wheels: string | undefined
  /** Undefined: it was not made by `artifact build`. */
  readonly info: ArtifactInfo | undefined
}

/** Under which names an artifact was asked for. */
export interface AskedFor {
  readonly app: string
  /** Its name in the repository, such as `shop.tar.gz`. */
  readonly artifact: string
  readonly version: string
}

/**
 * Finds the app in an unpacked archive: `data/app` of an artifact of ours; else all of it, or its directory `shop` or `shop-…`.
 * @param asked undefined: it did not come from the repository, by these names
 * @throws PypaasError if a file is not what `info.json` says, it is another version or app, or for another system
 */
export async function contentsOf(unpacked: string, asked?: AskedFor): Promise<Contents> {
  const info = await readInfo(unpacked)
  if (info !== undefined) {
    if (asked !== undefined) checkIdentity(info, asked)
    await verifyFiles(unpacked, info)
  }
  const files = info === undefined ? await filesIn(unpacked, asked?.app) : join(unpacked, APP)
  checkCompat((await readIfThere(join(files, 'deploy', 'compat')))?.trim() ?? String(info?.compat ?? 5))
  const wheels = join(unpacked, WHEELS)
  return { files, info, wheels: info !== undefined && (await isDirectory(wheels)) ? wheels : undefined }
}

/** The only directory counts as the root if it is called after the app: one that has only a `deploy/` means that. */
async function filesIn(unpacked: string, app: string | undefined): Promise<string> {
  const [first, ...more] = await readdir(unpacked)
  if (first === undefined || more.length > 0 || app === undefined) return unpacked
  if (first !== app && !first.startsWith(`${app}-`)) return unpacked
  const path = join(unpacked, first)
  return (await isDirectory(path)) ? path : unpacked
}

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true
}

/**
 * A signature says who built an artifact, not under which name it was put: so a former version, or another app, of the
 * same signer must not pass for this one. Pure.
 * @throws PypaasError `denied`
 */
export function checkIdentity(info: Pick<ArtifactInfo, 'name' | 'version'>, asked: AskedFor): void {
  const { app, artifact, version } = asked
  const names = [app, artifact.replace(FORMAT, '')]
  if (info.version === version && names.includes(info.name)) return
  throw new PypaasError(
    'denied',
    `the repository's ${artifact} ${version} of ${app} is ${info.name} ${info.version} by its ${INFO}`,
    {
      hint:
        info.version === version
          ? `put it under the name that it was built with (\`artifact put ${info.name} …\`), or give the project the name ${app} in its package.json or pyproject.toml`
          : 'somebody has put it under a wrong version: `artifact delete` this one, and put the right one',
    },
  )
}

/**
 * Pure.
 * @throws PypaasError for a level that does not run here
 */
export function checkCompat(level: string): void {
  if (/^\d+$/.test(level) && COMPAT.includes(Number(level))) return
  const old = /^\d+$/.test(level) && Number(level) < 4
  throw new PypaasError(
    'failed',
    old
      ? `the app's compat level ${level} is no longer supported`
      : `the app's compat level ${JSON.stringify(level)} is not known`,
    {
      where: 'deploy/compat',
      hint: `levels ${COMPAT.join(' and ')} run here: bring the app's deploy/ directory up to one of them and build it anew`,
    },
  )
}
