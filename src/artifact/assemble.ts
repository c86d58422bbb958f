/** Puts together what is in an artifact, and packs it. */
import { rename, rm, writeFile } from 'node:fs/promises'
import { machine } from 'node:os'
import { join } from 'node:path'
import type { Format } from './format.ts'
import { APP, contentsOf, INFO, type ArtifactInfo } from './info.ts'
import { packTree, type Packed } from './pack.ts'
import type { Source } from './source.ts'
import { sweepTree } from './sweep.ts'

export interface Assembly {
  /** Directory of the artifact that is being made; `data/` and `install.sh` are there. */
  readonly here: string
  /** Directory of the built app; it is moved. */
  readonly app: string
  readonly source: Source
  readonly name: string
  readonly version: string
  readonly compat: number
  readonly builders: Readonly<Record<string, string>>
  readonly output: string
  readonly format: Format
  readonly signal: AbortSignal
}

export interface BuiltArtifact extends Packed {
  readonly path: string
  readonly info: ArtifactInfo
}

/** As `uname -sm` says it, so that a shell can compare it: `linux-x86_64`. */
export function platform(): string {
  return `${process.platform}-${machine()}`
}

export async function assemble(assembly: Assembly): Promise<BuiltArtifact> {
  const { here, source, name, version, format } = assembly
  await rm(join(assembly.app, 'venv'), { recursive: true, force: true })
  await sweepTree(assembly.app)
  await rename(assembly.app, join(here, APP))
  const info = await describe(assembly)
  await writeFile(join(here, INFO), `${JSON.stringify(info, null, 2)}\n`)
  const top = `${name}-${version}-${info.platform}`
  const path = join(assembly.output, format === 'dir' ? top : `${top}.${format}`)
  const options = { top, mtime: source.committed, signal: assembly.signal }
  return { path, info, ...(await packTree(here, path, format, options)) }
}

async function describe({ here, source, name, version, compat, builders }: Assembly): Promise<ArtifactInfo> {
  const { commit, branch, tag, message } = source
  await writeFile(join(here, 'PACKAGE'), `${name}\n`)
  await writeFile(join(here, 'VERSION'), `${version}\n`)
  await writeFile(join(here, 'PLATFORM'), `${platform()}\n`)
  return {
    name,
    version,
    platform: platform(),
    commit,
    ...(branch === undefined ? {} : { branch }),
    ...(tag === undefined ? {} : { tag }),
    message,
    compat,
    builders,
    ...(await contentsOf(here)),
  }
}
