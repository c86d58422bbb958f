/** Line and column of a place in a file. Pure. */
import type { Finding } from './finding.ts'
import type { Tree } from './tree.ts'

/** Both from 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

export function positionAt(text: string, offset: number): Position {
  const before = text.slice(0, offset)
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') }
}

/** Where a finding is, or where the nearest thing around it is. The file itself is at its start. */
export function offsetOf(tree: Tree | undefined, { path, at }: Omit<Finding, 'message'>): number {
  if (tree === undefined || path.length === 0) return 0
  let here = tree
  let offset = tree.offset
  for (const [depth, part] of path.entries()) {
    if (here.kind === 'list') {
      const item = here.items[Number(part)]
      if (item === undefined) return offset
      here = item
      offset = item.offset
    } else {
      const entry = here.kind === 'map' ? here.entries.get(part) : undefined
      if (entry === undefined) return offset
      here = entry.tree
      const last = depth === path.length - 1
      offset = last && at === 'value' ? entry.tree.offset : entry.keyOffset
    }
  }
  return offset
}
