/** `info.json`: what an artifact is made of. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { PypaasError } from '../errors.ts'
import { readIfThere } from '../system/files.ts'
import { entriesOf } from './entries.ts'

export interface ArtifactInfo {
  readonly name: string
  readonly version: string
  /** What it runs on, for example `linux-x86_64`. */
  readonly platform: string
  /** The full object id. */
  readonly commit: string
  readonly branch?: string
  readonly tag?: string
  /** The commit's message. */
  readonly message: string
  /** Level of the deployment system that the app was made for: `deploy/compat`, else the present one. */
  readonly compat: number
  /** What each builder's result depends on: runtime version, platform and a hash. `pip` is the virtualenv's key. */
  readonly builders: Readonly<Record<string, string>>
  /** Path in the archive → SHA-256 in hex; every file but `info.json` itself. */
  readonly files: Readonly<Record<string, string>>
  /** Path in the archive → target; every symbolic link. */
  readonly links: Readonly<Record<string, string>>
}

/** Where things are in an unpacked artifact. */
export const INFO = 'info.json'
/** The built app: what `install.sh` puts into its destination. */
export const APP = 'data/app'
/** Wheels of all Python packages that the app needs; not there if it needs none. */
export const WHEELS = 'data/wheels'

/** The level that is assumed of an app that does not say for which it was made. */
export const COMPAT = 5

/**
 * Of an unpacked artifact; undefined if the directory is none.
 * @throws PypaasError `failed` if its `info.json` is not one
 */
export async function readInfo(directory: string): Promise<ArtifactInfo | undefined> {
  const path = join(directory, INFO)
  const text = await readIfThere(path)
  if (text === undefined) return undefined
  // An app may have an info.json of its own.
  if ((await readIfThere(join(directory, 'PACKAGE'))) === undefined) return undefined
  const info = parse(text)
  if (info !== undefined) return info
  throw new PypaasError('failed', `${INFO} does not describe an artifact`, {
    where: path,
    hint: 'it is damaged or made by something else: build the artifact anew',
  })
}

/** The subject of its commit, for people; undefined if that has none. */
export function subjectOf(info: Pick<ArtifactInfo, 'message'> | undefined): string | undefined {
  const line = info?.message
    .split('\n', 1)[0]
    ?.replaceAll(/\p{Cc}/gu, ' ')
    .trim()
    .slice(0, 200)
  return line === '' ? undefined : line
}

/**
 * Compares an unpacked artifact with its description.
 * @throws PypaasError `failed` naming the first difference
 */
export async function verifyFiles(directory: string, info: ArtifactInfo): Promise<void> {
  const { files, links } = await contentsOf(directory)
  const differs = (what: Readonly<Record<string, string>>, is: Readonly<Record<string, string>>): void => {
    for (const path of Object.keys({ ...what, ...is })) {
      if (what[path] === is[path]) continue
      const how =
        is[path] === undefined ? 'is missing' : what[path] === undefined ? 'was added' : 'was altered'
      throw new PypaasError('failed', `${info.name} ${info.version} is not what was built: ${path} ${how}`, {
        where: join(directory, path),
        hint: 'fetch the artifact once more; if that does not help, build it anew',
      })
    }
  }
  differs(info.files, files)
  differs(info.links, links)
}

/** Hashes of the files and targets of the links of an unpacked artifact. */
export async function contentsOf(directory: string): Promise<Pick<ArtifactInfo, 'files' | 'links'>> {
  const files: Record<string, string> = {}
  const links: Record<string, string> = {}
  for (const entry of entriesOf(directory)) {
    if (entry.kind === 'link') links[entry.path] = entry.target
    else if (entry.kind === 'file' && entry.path !== INFO) {
      files[entry.path] = await sha256Of(join(directory, entry.path), entry.size)
    }
  }
  return { files, links }
}

/** A file that is larger than this many bytes is not read at once. */
const WHOLE = 1 << 20

/** SHA-256 of a file in hex. */
export async function sha256Of(path: string, size = Infinity): Promise<string> {
  const hash = createHash('sha256')
  if (size <= WHOLE) hash.update(await readFile(path))
  else await pipeline(createReadStream(path, { highWaterMark: 1 << 18 }), hash)
  return hash.digest('hex')
}

function parse(text: string): ArtifactInfo | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // Said by the caller.
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const found = value as Record<string, unknown>
  const texts = ['name', 'version', 'platform', 'commit', 'message']
  const optional = ['branch', 'tag']
  const tables = ['builders', 'files', 'links']
  const fits =
    texts.every((key) => typeof found[key] === 'string') &&
    optional.every((key) => found[key] === undefined || typeof found[key] === 'string') &&
    tables.every((key) => isTable(found[key])) &&
    Number.isInteger(found['compat']) &&
    isSafe(String(found['version'])) &&
    isSafe(String(found['name'])) &&
    /^[0-9a-f]{40,64}$/.test(String(found['commit']))
  return fits ? (value as ArtifactInfo) : undefined
}

function isTable(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((each) => typeof each === 'string')
  )
}

/** Names and versions become parts of paths and keys. */
export function isSafe(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._+~-]*$/.test(name)
}
