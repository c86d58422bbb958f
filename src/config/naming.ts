/** Which names repos, branches, runners and domains may have. Pure; each function returns what is wrong, or undefined. */
import { domainToASCII } from 'node:url'
import { joinNames } from '../names.ts'

/** Bytes; file systems take 255, and names of releases and processes stand beside ours. */
const LONGEST = 200

const CONTROL = /\p{Cc}/u

/** A repo is named by its file and asked for by git clients: `git push deploy@host:<repo>`. */
export function repoNameMistake(name: string): string | undefined {
  if (name === '' || /^[-.~]/.test(name))
    return 'the name of a repo cannot be empty or begin with `-`, `.` or `~`'
  if (/\s/.test(name) || CONTROL.test(name)) return 'the name of a repo cannot hold spaces'
  if (/["'\\:]/.test(name)) return 'the name of a repo cannot hold quotes, `\\` or `:`'
  if (name.endsWith('.git')) {
    return `the name of a repo cannot end in \`.git\`: git clients leave it out; rename the file to \`${name.slice(0, -4)}.yml\``
  }
  return tooLong(name)
}

/** What git-check-ref-format(1) says of a branch, `refs/heads/` being before it. */
export function branchNameMistake(repo: string, name: string): string | undefined {
  const reason = refMistake(name)
  return reason === undefined ? tooLong(repo, name) : `git does not allow a branch name that ${reason}`
}

function refMistake(name: string): string | undefined {
  if (name === '') return 'is empty'
  if (name.startsWith('-')) return 'begins with `-`'
  if (name === '@' || name === 'HEAD') return 'is `@` or `HEAD`'
  if (CONTROL.test(name) || name.includes(' ')) return 'holds spaces or control characters'
  const bad = /[~^:?*[\\]/.exec(name)?.[0] ?? /\.\.|@\{|\/\//.exec(name)?.[0]
  if (bad !== undefined) return `holds \`${bad}\``
  if (name.startsWith('/') || name.endsWith('/')) return 'begins or ends with `/`'
  if (name.endsWith('.')) return 'ends with `.`'
  const parts = name.split('/')
  if (parts.some((part) => part.startsWith('.'))) return 'has a part that begins with `.`'
  return parts.some((part) => part.endsWith('.lock')) ? 'has a part that ends with `.lock`' : undefined
}

export function runnerNameMistake(repo: string, branch: string, name: string): string | undefined {
  if (name.trim() === '' || CONTROL.test(name)) {
    return 'the name of a runner cannot be empty or hold control characters'
  }
  return tooLong(repo, branch, name)
}

function tooLong(...names: string[]): string | undefined {
  const length = joinNames(...names.filter((name) => name !== '')).length
  return length > LONGEST ? `the name is too long: \`${names.join(' ').slice(0, 60)}…\`` : undefined
}

/**
 * A `server_name` of nginx: a host name (RFC 1123, 2.1; underscores are in use too), or one
 * with `*.` before it. Names of other alphabets have to be written in their ASCII form (RFC 5891).
 */
export function domainNameMistake(name: string): string | undefined {
  const bare = name.replace(/^\*\./, '').replace(/\.$/, '')
  if (/[^\p{ASCII}]/u.test(bare)) {
    const ascii = domainToASCII(bare)
    const advice = ascii === '' ? '' : `; rename the file to \`${name.replace(bare, () => ascii)}.yml\``
    return `\`${name}\` has to be written in ASCII${advice}`
  }
  const isName =
    /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/i.test(bare)
  if (isName && bare !== '_' && bare.length <= 253) return undefined
  return `\`${name}\` is not a domain name; expected one like \`www.example.com\` or \`*.example.com\``
}

/** Two files with one identity claim one domain: case and a dot at the end make no difference. */
export function domainIdentity(name: string): string {
  return (name.endsWith('.') ? name.slice(0, -1) : name).toLowerCase()
}
