/** Projects to make artifacts of, and what comes of them. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { buildArtifact, type ArtifactRequest, type BuiltArtifact } from '../../src/artifact/build.ts'
import { unpackArchive } from '../../src/artifact/unpack.ts'
import type { Context } from '../../src/context.ts'
import { temporaryDirectory } from '../support/context.ts'
import { recorded, writeFiles, type Recorded } from '../build/support.ts'

const run = promisify(execFile)

export interface Built extends BuiltArtifact {
  readonly output: Recorded
}

/** Builds an artifact of a directory into a new one. */
export async function build(
  ctx: Context,
  source: string,
  request: Partial<ArtifactRequest> = {},
): Promise<Built> {
  const output = recorded()
  const directory = await temporaryDirectory()
  const whole = {
    source,
    output: directory,
    format: 'tar.gz',
    download: true,
    cwd: directory,
    ...request,
  } as const
  return { ...(await buildArtifact(ctx, whole, output, new AbortController().signal)), output }
}

/** Where an artifact is unpacked. */
export async function unpacked({ path }: BuiltArtifact): Promise<string> {
  const directory = join(await temporaryDirectory(), 'unpacked')
  await unpackArchive(path, directory)
  return directory
}

/**
 * A directory with a wheel of a package that needs the wheel of another one, and with the sources of a third, which is
 * built without anything from elsewhere: its build backend is its own (PEP 517).
 */
export async function packages(): Promise<string> {
  const directory = await temporaryDirectory()
  await wheel(directory, 'greet', {
    requires: 'words',
    code: 'from words import WORD\ndef main(): print(WORD)\n',
  })
  await wheel(directory, 'words', { code: 'WORD = "greet runs"\n' })
  const sources = join(directory, 'sources-1.0')
  await writeFiles(sources, {
    'pyproject.toml': '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
    'PKG-INFO': 'Metadata-Version: 2.1\nName: sources\nVersion: 1.0\n',
    'sources.py': 'BUILT = True\n',
    'backend.py': backend('sources'),
  })
  await run('tar', ['-czf', 'sources-1.0.tar.gz', 'sources-1.0'], { cwd: directory })
  await run('rm', ['-r', sources])
  return directory
}

/** A build backend that makes a wheel of `<name>.py`, with the times that SOURCE_DATE_EPOCH says, as setuptools does. */
export function backend(name: string): string {
  return `
import os, time, zipfile

def build_wheel(directory, config_settings=None, metadata_directory=None):
    path = '${name}-1.0-py3-none-any.whl'
    info = '${name}-1.0.dist-info/'
    when = time.gmtime(int(os.environ.get('SOURCE_DATE_EPOCH', time.time())))[:6]
    with zipfile.ZipFile(os.path.join(directory, path), 'w') as wheel:
        def add(at, text):
            wheel.writestr(zipfile.ZipInfo(at, when), text)
        add('${name}.py', open('${name}.py').read())
        add(info + 'METADATA', 'Metadata-Version: 2.1\\nName: ${name}\\nVersion: 1.0\\n')
        add(info + 'WHEEL', 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
        add(info + 'RECORD', '')
    open('built-here', 'w').close()
    return path
`
}

async function wheel(
  directory: string,
  name: string,
  { code, requires }: { code: string; requires?: string },
): Promise<void> {
  const info = `${name}-1.0.dist-info`
  const tree = join(directory, name)
  const needs = requires === undefined ? '' : `Requires-Dist: ${requires}\n`
  await writeFiles(tree, {
    [`${name}.py`]: code,
    [`${info}/METADATA`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: 1.0\n${needs}`,
    [`${info}/WHEEL`]: 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    [`${info}/entry_points.txt`]: `[console_scripts]\n${name}-cli = ${name}:main\n`,
    [`${info}/RECORD`]: '',
  })
  const path = join(directory, `${name}-1.0-py3-none-any.whl`)
  await run('/usr/bin/python3', ['-m', 'zipfile', '-c', path, `${name}.py`, info], { cwd: tree })
  await run('rm', ['-r', tree])
}
