/** What is in a tree, in the order in which it is packed: the same for the same tree, wherever and whenever it was made. */
import { lstatSync, readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { PypaasError } from '../errors.ts'

interface Named {
  /** Relative to the tree's root, with `/`. */
  readonly path: string
}
/** Modes are 0755 or 0644: the right to execute is all that matters of them, as for git. */
export interface FileEntry extends Named {
  readonly kind: 'file'
  readonly mode: number
  /** Bytes. */
  readonly size: number
}
interface DirectoryEntry extends Named {
  readonly kind: 'directory'
  readonly mode: number
}
interface LinkEntry extends Named {
  readonly kind: 'link'
  readonly target: string
}
export type Entry = FileEntry | DirectoryEntry | LinkEntry

/**
 * Files, directories and symbolic links below `root`; a directory comes before what is in it. Names are in the
 * order of their code units, which no locale changes.
 * @throws PypaasError `failed` for anything else, such as a socket
 */
export function entriesOf(root: string): Entry[] {
  const entries: Entry[] = []
  const walk = (directory: string): void => {
    const found = readdirSync(join(root, directory), { withFileTypes: true })
    for (const each of found.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = directory === '' ? each.name : `${directory}/${each.name}`
      const full = join(root, path)
      if (each.isDirectory()) {
        entries.push({ kind: 'directory', path, mode: 0o755 })
        walk(path)
      } else if (each.isSymbolicLink()) {
        entries.push({ kind: 'link', path, target: readlinkSync(full) })
      } else if (each.isFile()) {
        const { mode, size } = lstatSync(full)
        entries.push({ kind: 'file', path, size, mode: (mode & 0o111) === 0 ? 0o644 : 0o755 })
      } else {
        throw new PypaasError('failed', `${path} is neither a file nor a directory nor a symbolic link`, {
          where: full,
          hint: 'an archive cannot hold sockets, pipes and devices: remove it before packing',
        })
      }
    }
  }
  walk('')
  return entries
}
