/** What a requirements file of pip says about where its packages come from. Pure. */

export interface Requirements {
  /** Other files that belong to it (`-r`, `-c`), relative to this one. */
  readonly includes: readonly string[]
  /** The first line that makes the result depend on more than the text of the files; undefined: none does. */
  readonly unkeyable: string | undefined
}

/** Reads one file after pip's documentation, "Requirements File Format". */
export function parseRequirements(text: string): Requirements {
  const includes: string[] = []
  let unkeyable: string | undefined
  for (const line of logicalLines(text)) {
    const include = /^(?:-r|-c|--requirements?|--constraints?)(?:\s*=\s*|\s*)(.+)$/.exec(line)?.[1]
    if (include !== undefined && !isUrl(include)) includes.push(unquoted(include))
    else if (include !== undefined || dependsOnMore(line)) unkeyable ??= line
  }
  return { includes, unkeyable }
}

/** Lines without comments, continued ones joined. */
function logicalLines(text: string): string[] {
  return text
    .replaceAll(/\\\r?\n/g, ' ')
    .split(/\r?\n/)
    .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
    .filter((line) => line !== '')
}

function dependsOnMore(line: string): boolean {
  if (/^(-e|--editable)\b/.test(line)) return true
  const links = /^(?:-f|--find-links)(?:\s*=\s*|\s*)(.+)$/.exec(line)?.[1]
  if (links !== undefined) return !/^https?:/.test(links)
  if (line.startsWith('-')) return false
  if (/\bfile:/.test(line)) return true
  // A branch or tag moves; a commit does not.
  if (/\b(git|hg|svn|bzr)\+/.test(line)) return !/@[0-9a-f]{40}\b/.test(line)
  if (/(^|@\s*)https?:/.test(line)) return !/[#&]sha(256|384|512)=|--hash/.test(line)
  const [requirement = ''] = line.split(/[;\s]/, 1)
  return (
    requirement.includes('/') || requirement.startsWith('.') || /\.(whl|zip|tar\.\w+|tgz)$/.test(requirement)
  )
}

function isUrl(text: string): boolean {
  return /^\w+:\/\//.test(unquoted(text))
}

function unquoted(text: string): string {
  return text.trim().replace(/^(["'])(.*)\1$/, '$2')
}
