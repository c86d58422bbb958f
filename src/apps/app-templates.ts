/** Configuration files of an app, rendered from its `deploy/templates/` with the host's values. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import Mustache from 'mustache'
import { hasErrno, messageOf, PypaasError } from '../errors.ts'
import { replaceFile } from '../system/files.ts'
import type { Version } from './app-hooks.ts'

/** Where templates are in an app; `deploy/templates/etc/app.ini` becomes `etc/app.ini`. */
const DIRECTORY = 'deploy/templates'

/**
 * Renders each template (Mustache, nothing escaped) to the same path in the app, without `.mustache` at its end.
 * Only the owner can read the results, because they may hold secrets.
 * @returns the paths that were written
 * @throws PypaasError if a template is not Mustache, or names a value that this host does not have
 */
export async function renderAppTemplates(version: Version): Promise<string[]> {
  const root = join(version.target.path, DIRECTORY)
  const view = viewOf(version)
  const written: string[] = []
  for (const name of await filesBelow(root)) {
    const path = join(root, name)
    const text = render(`${DIRECTORY}/${name}`, await readFile(path, 'utf8'), view, version.app.app)
    const place = name.replace(/\.mustache$/, '')
    await replaceFile(join(version.target.path, place), text, (await stat(path)).mode & 0o700)
    written.push(place)
  }
  return written
}

/** What a template can name: the host's values of the app, and what is the same for every app. */
export function viewOf({ app, version, target, values }: Version): Readonly<Record<string, unknown>> {
  return {
    ...values,
    env: target.env,
    app: app.app,
    target: app.target,
    version,
    commit: target.commit,
    directory: target.path,
    hostname: hostname(),
  }
}

/**
 * One template as text. Pure. A value that is missing would be an empty setting, so it is refused; sections ask
 * whether there is one.
 * @throws PypaasError that names the file
 */
export function render(
  file: string,
  template: string,
  view: Readonly<Record<string, unknown>>,
  app: string,
): string {
  try {
    for (const [type, name] of Mustache.parse(template)) {
      const needed = type === 'name' || type === '&'
      if (!needed || name === '.' || lookUp(view, name) !== undefined) continue
      throw new PypaasError('failed', `${file} names {{${name}}}, of which this host has no value`, {
        hint: `add it to \`apps: {${app}: {values: …}}\` in pypaas.yml on this host`,
      })
    }
    return Mustache.render(template, view, {}, { escape: String })
  } catch (error) {
    if (error instanceof PypaasError) throw error
    throw new PypaasError('failed', `${file} is no template: ${messageOf(error)}`, { cause: error })
  }
}

function lookUp(view: Readonly<Record<string, unknown>>, name: string): unknown {
  let value: unknown = view
  for (const part of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = (value as Record<string, unknown>)[part]
  }
  return value ?? undefined
}

/** Paths of all files below a directory, relative to it, in order; none if it is not there. */
async function filesBelow(directory: string, below = ''): Promise<string[]> {
  try {
    const entries = await readdir(join(directory, below), { withFileTypes: true })
    const found = await Promise.all(
      entries.map(async (entry) => {
        const path = join(below, entry.name)
        if (entry.isDirectory()) return filesBelow(directory, path)
        return entry.isFile() ? [path] : []
      }),
    )
    return found.flat().toSorted()
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return []
    throw error
  }
}
