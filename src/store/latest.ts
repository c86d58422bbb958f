/** `latest`: a small text beside the versions of an artifact that holds the newest one. */
import { PypaasError } from '../errors.ts'
import { readDocument, type Store } from './store.ts'
import { checkVersion, compareVersions } from './versions.ts'

/** How often others may come in between. Each of them has moved it on, so that it ends. */
const ROUNDS = 50

interface Latest {
  /** Undefined: what is written there is no version. */
  readonly version: string | undefined
  readonly etag: string
}

export async function readLatest(store: Store, prefix: string): Promise<Latest | undefined> {
  const found = await readDocument(store, `${prefix}latest`)
  if (found === undefined) return undefined
  const version = found.text.trim()
  try {
    checkVersion(version)
    return { version, etag: found.etag }
  } catch {
    return { version: undefined, etag: found.etag }
  }
}

/**
 * Makes `latest` name the newest version. Of several who do so at once the newest version wins: with conditional
 * writes at once; without them because each looks at what is there after it has written.
 * @param version that has just been stored; undefined: only what is there counts
 * @param present lists the versions that are there
 * @param gone is about to be removed: `latest` goes back from it
 */
export async function setLatest(
  store: Store,
  prefix: string,
  version: string | undefined,
  present: () => Promise<string[]>,
  gone?: string,
): Promise<void> {
  const key = `${prefix}latest`
  let conditional = true
  for (let round = 0; round < ROUNDS; round++) {
    const latest = await readLatest(store, prefix)
    const named = latest?.version === gone ? undefined : latest?.version
    // The list is asked for only where it may say something new: nothing named, or nothing that held it.
    const candidates =
      version === undefined || !conditional || named === undefined ? await present() : [named, version]
    const newest = candidates.toSorted(compareVersions).at(-1)
    if (newest === latest?.version) return
    if (newest === undefined) {
      if (latest === undefined || (await store.remove(key, { ifMatch: latest.etag }))) return
      continue
    }
    const condition = latest === undefined ? ({ ifNoneMatch: '*' } as const) : { ifMatch: latest.etag }
    try {
      const written = await store.write(key, `${newest}\n`, conditional ? condition : {})
      if (written !== undefined && conditional) return
    } catch (error) {
      if (!conditional || !knowsNoConditions(error)) throw error
      conditional = false
    }
  }
  throw new PypaasError('busy', `${store.shown}/${key} is written by others all the time`, {
    hint: 'the artifact is stored; put it again to move `latest`',
  })
}

/** As {@link Store.write} says it. */
function knowsNoConditions(error: unknown): boolean {
  return error instanceof PypaasError && error.code === 'config'
}
