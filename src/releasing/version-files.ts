/** Where projects write their version down, and the same files with another one. Pure. */

/** A file that holds the project's version. */
export interface VersionFile {
  /** Below the project's root. */
  readonly path: string
  /** Undefined: the file says nothing of a version, and is left as it is. */
  versionIn(text: string): string | undefined
  /** The text with that version; all else stays. */
  withVersion(text: string, version: string): string
}

/** In the order in which they are asked for the project's version; all are kept in step. */
export const VERSION_FILES: readonly VersionFile[] = [
  json('package.json', (root) => [root]),
  json('package-lock.json', (root) => [root, root['packages']?.['']]),
  json('npm-shrinkwrap.json', (root) => [root, root['packages']?.['']]),
  lines('pyproject.toml', ['project', 'tool.poetry'], /^(\s*version\s*=\s*["'])([^"']+)(["'].*)$/),
  lines('setup.cfg', ['metadata'], /^(\s*version\s*[=:]\s*)([^\s:][^\s]*)(\s*)$/),
  lines('setup.py', undefined, /^(.*\bversion\s*=\s*["'])([^"']+)(["'].*)$/),
  {
    path: 'VERSION',
    versionIn: (text) => (/^\S+\s*$/.test(text) ? text.trim() : undefined),
    withVersion: (text, version) => text.replace(/^\S+/, () => version),
  },
]

type Json = { [key: string]: Json } & { version?: string }

/** Changes the versions at these places, and not a character besides. */
function json(path: string, places: (root: Json) => readonly (Json | undefined)[]): VersionFile {
  return {
    path,
    versionIn(text) {
      const version: unknown = parse(text)?.['version']
      return typeof version === 'string' ? version : undefined
    },
    withVersion(text, version) {
      return places(parse(text) ?? {}).reduce<string>((changed, _, at) => {
        const wanted = parse(changed) ?? {}
        const place = places(wanted)[at]
        if (place?.version === undefined || place.version === version) return changed
        place.version = version
        return textOf(changed, wanted, version)
      }, text)
    },
  }
}

function parse(text: string): Json | undefined {
  try {
    const value = JSON.parse(text) as unknown
    return typeof value === 'object' && value !== null ? (value as Json) : undefined
  } catch {
    return undefined
  }
}

/** The text of which one version is changed so that it says what is wanted. */
function textOf(text: string, wanted: Json, version: string): string {
  const goal = JSON.stringify(wanted)
  for (const { index, 0: match, 1: before = '' } of text.matchAll(/("version"\s*:\s*)"[^"]*"/g)) {
    const changed = text.slice(0, index) + before + JSON.stringify(version) + text.slice(index + match.length)
    if (JSON.stringify(JSON.parse(changed)) === goal) return changed
  }
  return text
}

/**
 * The first line that fits `pattern` (what is before the version, the version, what is behind it).
 * @param sections in which it counts (`[name]` lines); undefined: anywhere
 */
function lines(path: string, sections: readonly string[] | undefined, pattern: RegExp): VersionFile {
  const find = (text: string): { at: number; all: string[]; match: RegExpExecArray } | undefined => {
    const all = text.split('\n')
    let section = ''
    for (const [at, line] of all.entries()) {
      section = /^\s*\[([^[\]]+)\]/.exec(line)?.[1]?.trim() ?? section
      const match = sections === undefined || sections.includes(section) ? pattern.exec(line) : null
      if (match !== null) return { at, all, match }
    }
    return undefined
  }
  return {
    path,
    versionIn: (text) => find(text)?.match[2],
    withVersion(text, version) {
      const found = find(text)
      if (found === undefined) return text
      const { at, all, match } = found
      return all.with(at, `${match[1]}${version}${match[3]}`).join('\n')
    },
  }
}

/** The version after that one: its last number is one higher. Undefined: there is no number in it. */
export function nextVersion(version: string): string | undefined {
  const [, before, last, behind] = /^(.*?)(\d+)(\D*)$/s.exec(version) ?? []
  return last === undefined ? undefined : `${before}${BigInt(last) + 1n}${behind}`
}
