/** Finds in nginx's words which of our files they are about. Pure. */
import { directivesOf, type Directive } from './directives.ts'
import type { NginxFile } from './render.ts'

/** What nginx complains of first. */
export interface Complaint {
  readonly message: string
  readonly file: string | undefined
  readonly line: number | undefined
}

export interface Mistake {
  /** Name of the file. */
  readonly file: string
  /** In words for the operator: what is wrong, and in which key of which file of the configuration. */
  readonly reason: string
}

/** The first failure in the output of `nginx -t`, or undefined if there is none. */
export function complaintOf(output: readonly string[]): Complaint | undefined {
  for (const line of output) {
    // Either `nginx: [emerg] …` or `<date> <time> [emerg] <pid>#<tid>: …`.
    const [, words] = /\[(?:emerg|alert|crit)\] (?:\d+#\d+: )?(.*)$/.exec(line) ?? []
    if (words === undefined) continue
    const [, message, file, number] = /^(.*) in (\S.*):(\d+)$/.exec(words) ?? []
    return message === undefined
      ? { message: words, file: undefined, line: undefined }
      : { message, file, line: Number(number) }
  }
  return undefined
}

/**
 * The files of a set that a complaint is about; none: something outside of it.
 * @param directory of the set that was tested
 */
export function mistakesOf(
  complaint: Complaint,
  directory: string,
  files: ReadonlyMap<string, NginxFile>,
): Mistake[] {
  const { message, file, line } = complaint
  if (file?.startsWith(`${directory}/`) === true) {
    const name = file.slice(directory.length + 1)
    const text = files.get(name)?.text
    if (text === undefined || line === undefined) return []
    return [{ file: name, reason: `${message} (${placeOf(text, line) ?? `${name} line ${line}`})` }]
  }
  if (file !== undefined) {
    const including = [...files].filter(([, { text }]) => includes(text, file))
    return including.map(([name]) => ({ file: name, reason: `${message} (${file}:${line})` }))
  }
  // Of certificates nginx names the path alone.
  const paths = [...message.matchAll(/"(\/[^"]+)"/g)].map(([, path]) => path ?? '')
  return [...files].flatMap(([name, { text }]) => {
    const keys = paths.flatMap((path) => keyOfPath(text, path) ?? [])
    return keys.length === 0 ? [] : [{ file: name, reason: `${certificateReason(message)} (${keys[0]})` }]
  })
}

/** The key of the configuration that a line of a rendered file comes from, by the markers around the operator's texts. */
export function placeOf(text: string, line: number): string | undefined {
  const lines = text.split('\n')
  for (let at = line - 1; at >= 0; at--) {
    const [, kind, where] = /^\s*# (>>|<<)(?: (.*))?$/.exec(lines[at] ?? '') ?? []
    if (kind === '<<' && at !== line - 1) return undefined
    if (kind === '>>') return `${where}, line ${Math.max(line - 1 - at, 1)}`
  }
  return undefined
}

/** Whether an `include` of the text takes a file in. */
function includes(text: string, file: string): boolean {
  return [...text.matchAll(/\binclude\s+["']?([^"';]+?)["']?\s*;/g)].some(([, glob = '']) =>
    matchesGlob(file, glob),
  )
}

function matchesGlob(file: string, glob: string): boolean {
  const pattern = glob
    .replaceAll(/[.+^${}()|\\[\]]/g, '\\$&')
    .replaceAll('*', '[^/]*')
    .replaceAll('?', '[^/]')
  return new RegExp(`^${pattern}$`).test(file)
}

function keyOfPath(text: string, path: string): string | undefined {
  const set = directivesIn(text).find(({ name, args }) => name.startsWith('ssl_') && args[0] === path)
  const [, heading] = /^# Written by pypaas from (.*?);/.exec(text) ?? []
  if (set === undefined || heading === undefined) return undefined
  return `${heading} ${set.name === 'ssl_trusted_certificate' ? 'ssl_certificate_chain' : set.name}`
}

/** The directives of all blocks at the top level. */
function directivesIn(text: string): Directive[] {
  return directivesOf(text).flatMap((block) => directivesOf(block.text.replace(/^[^{]*\{|\}$/g, '')))
}

function certificateReason(message: string): string {
  const [, what, path, why] =
    /^cannot load (certificate(?: key)?) "([^"]+)":.*?:system library::([^:)]+)/.exec(message) ?? []
  return what === undefined ? message : `cannot load the ${what} ${path}: ${why}`
}
