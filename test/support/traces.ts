/** Everything that deploys leave on a host: to be compared before and after. */
import { readdir, readFile, readlink } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { hasErrno } from '../../src/errors.ts'
import { leftovers, type Host } from './host.ts'

export interface Traces {
  /** Paths below the home of checkouts, releases and services, hidden ones too. */
  readonly files: readonly string[]
  /** Lines of `ports.yml`. */
  readonly ports: readonly string[]
  /** nginx's files in force, with their text. */
  readonly nginx: Readonly<Record<string, string>>
  /** `pid command line` of what runs in a checkout, apps and builds, and of what supervises the apps. */
  readonly processes: readonly string[]
}

export async function tracesOf({ home, paths }: Host): Promise<Traces> {
  const trees = await Promise.all([
    listTree(paths.checkouts, 3),
    listTree(paths.state, 4),
    listTree(paths.servicesReal, 3),
    listTree(paths.services, 1),
  ])
  const ports = await readFile(paths.ports, 'utf8').catch(ifMissing('{}'))
  const nginxFiles = await readdir(paths.nginxFiles).catch(ifMissing([]))
  const texts = nginxFiles.map(async (name) => [name, await readFile(join(paths.nginxFiles, name), 'utf8')])
  return {
    files: trees
      .flat()
      .map((path) => relative(home, path))
      .filter((path) => !path.includes('/deploys/')),
    ports: ports.split('\n').filter((line) => /^\d/.test(line)),
    nginx: Object.fromEntries(await Promise.all(texts)) as Record<string, string>,
    processes: await workersIn(home, [paths.checkouts, paths.servicesReal]),
  }
}

/** What runs in these directories. The host's svscan has its own, and follows what is live a moment later. */
export async function workersIn(home: string, directories: readonly string[]): Promise<string[]> {
  const lines = await leftovers(home)
  const works = lines.map(async (line) => {
    const cwd = await readlink(`/proc/${line.split(' ')[0]}/cwd`).catch(() => '')
    return directories.some((directory) => cwd.startsWith(`${directory}/`))
  })
  const inside = await Promise.all(works)
  return lines.filter((_, at) => inside[at])
}

async function listTree(directory: string, depth: number): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(ifMissing([]))
  const below = await Promise.all(
    entries.map(async (entry) => {
      const path = join(directory, entry.name)
      return entry.isDirectory() && depth > 1 ? [path, ...(await listTree(path, depth - 1))] : [path]
    }),
  )
  return below.flat().toSorted()
}

function ifMissing<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return value
    throw error
  }
}
