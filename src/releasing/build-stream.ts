/** A build server's side of `release --remote`: a commit comes in, its artifact goes out. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { buildArtifact } from '../artifact/build.ts'
import type { Context } from '../context.ts'
import { PypaasError } from '../errors.ts'
import type { Output } from '../system/output.ts'
import { capture } from '../system/run.ts'
import { headLine, readHead } from './frame.ts'
import { AS_COMMITTED, parcelOf, type Parcel } from './parcel.ts'

export interface Connection {
  readonly stdin: Readable
  readonly stdout: Writable
  readonly signal: AbortSignal
}

/**
 * Builds what comes and sends what it has become. The names in it reach programs as arguments, never a shell.
 * @throws PypaasError `usage`, `failed`, `cancelled`; then nothing is sent
 */
export async function buildStream(ctx: Context, connection: Connection, output: Output): Promise<void> {
  const parcel = parcelOf(await readHead(connection.stdin))
  const scratch = await mkdtemp(join(tmpdir(), 'pypaas-build-'))
  try {
    const directory = join(scratch, parcel.name)
    await unpackCommit(ctx, connection.stdin, directory, parcel)
    const { version, tag, prefix } = parcel
    const source = join(directory, prefix)
    const request = { source, rev: tag, version, format: 'tar.gz', download: true, cwd: source } as const
    const built = await buildArtifact(
      ctx,
      { ...request, output: join(scratch, 'out') },
      output,
      connection.signal,
    )
    connection.stdout.write(headLine({ ...built, path: basename(built.path) }))
    await pipeline(createReadStream(built.path), connection.stdout, { end: false })
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/**
 * Makes a repository with that one commit: the same id as where it came from, so it is the same to its last bit.
 * @throws PypaasError `failed` if it is not
 */
async function unpackCommit(
  ctx: Context,
  archive: Readable,
  directory: string,
  { commit, object, branch, tag, submodules }: Parcel,
): Promise<void> {
  await mkdir(directory)
  await unpackTar(ctx, archive, directory)
  const git = async (...args: string[]): Promise<string> =>
    (await capture(['git', ...args], { cwd: directory, env: { ...ctx.baseEnv } })).trim()
  await git('init', '--quiet', `--object-format=${commit.length === 64 ? 'sha256' : 'sha1'}`)
  const attributes = join(directory, '.git', 'info', 'attributes')
  await mkdir(join(directory, '.git', 'info'), { recursive: true })
  await writeFile(attributes, AS_COMMITTED)
  await git('add', '--all', '--force', '.')
  for (const [path, at] of Object.entries(submodules)) {
    await git('update-index', '--add', '--cacheinfo', `160000,${at},${path}`)
  }
  const tree = await git('write-tree')
  await rm(attributes)
  // What was before it stays where it came from (gitrepository-layout(5), "shallow").
  await writeFile(join(directory, '.git', 'shallow'), `${commit}\n`)
  const raw = join(directory, '.git', 'commit-object')
  await writeFile(raw, Buffer.from(object, 'base64'))
  const made = await git('hash-object', '-t', 'commit', '-w', '--', raw)
  if (made !== commit || (await git('rev-parse', `${commit}^{tree}`)) !== tree) {
    throw new PypaasError(
      'failed',
      `the files that came are not those of the commit ${commit.slice(0, 11)}`,
      {
        hint: 'try again; both sides need the same version of pypaas, and a git that is not too old',
      },
    )
  }
  await git('update-ref', `refs/tags/${tag}`, commit)
  await git('update-ref', `refs/heads/${branch}`, commit)
}

async function unpackTar(ctx: Context, archive: Readable, directory: string): Promise<void> {
  const tar = spawn('tar', ['-x', '-f', '-', '-C', directory], {
    env: { ...ctx.baseEnv },
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  let said = ''
  tar.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const ended = once(tar, 'close') as Promise<[status: number | null]>
  await pipeline(archive, tar.stdin).catch(() => {})
  const [status] = await ended
  if (status === 0) return
  throw new PypaasError('failed', 'the files of the release did not come whole', {
    output: said.trimEnd().split('\n').slice(-5),
    hint: 'the connection may have been cut: try again',
  })
}
