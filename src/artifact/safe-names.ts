/** What names and links of an archive may be: nothing of it may lie, or lead, outside of its tree. Pure. */
import { dirname } from 'node:path/posix'

/** Why an entry is refused, as the rest of a sentence that begins with its name. */
export type Refusal = { readonly refused: string }

/**
 * An entry's name as a path below the tree, without `./` and a closing `/`; empty for the tree itself.
 * Names with `..` are refused even if they stay inside: no packer writes them.
 */
export function safePath(name: string): string | Refusal {
  if (name.startsWith('/')) return { refused: 'has an absolute path' }
  if (name.includes('\0')) return { refused: 'has a name with a zero byte' }
  const parts = name.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..')) return { refused: 'has `..` in its path' }
  return parts.join('/')
}

/** As many as Linux follows (path_resolution(7)). */
const MOST_HOPS = 40

/**
 * Whether a symbolic link leads nowhere outside of the tree, over whichever other links of the tree its way goes:
 * those are followed where they are met, because `a/..` is not the directory of `a` if `a` is a link.
 * @param links all of the tree, path to target
 */
export function linkRefusal(path: string, links: ReadonlyMap<string, string>): Refusal | undefined {
  const at = dirname(path) === '.' ? [] : dirname(path).split('/')
  const target = links.get(path) ?? ''
  // What is still to be gone, the next part last.
  const ahead = target.split('/').toReversed()
  if (target.startsWith('/')) return absolute(target)
  let hops = 0
  for (let part = ahead.pop(); part !== undefined; part = ahead.pop()) {
    if (part === '' || part === '.') continue
    if (part === '..') {
      if (at.pop() === undefined) return { refused: `is a link that leaves the tree: ${target}` }
      continue
    }
    at.push(part)
    const next = links.get(at.join('/'))
    if (next === undefined) continue
    if (next.startsWith('/')) return absolute(next)
    if (++hops > MOST_HOPS) return { refused: 'is a link that leads round in circles' }
    at.pop()
    ahead.push(...next.split('/').toReversed())
  }
  return undefined
}

function absolute(target: string): Refusal {
  return { refused: `is a link to ${target}, an absolute path` }
}
