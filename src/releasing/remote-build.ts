/** Has a build server build: git archive goes there over SSH, the artifact comes back on the same connection. */
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { BuiltArtifact } from '../artifact/assemble.ts'
import { sha256Of } from '../artifact/info.ts'
import { PypaasError } from '../errors.ts'
import { lastLines, tee, type Output } from '../system/output.ts'
import { headLine, readHead } from './frame.ts'
import { AS_COMMITTED, safeName, type Parcel } from './parcel.ts'
import type { WorkingCopy } from './working-copy.ts'

/** What is run there. Always the same words: all that varies travels on its standard input. */
const COMMAND = ['pypaas', 'build-stream']
/** How much of a failed build is shown. */
const TAIL = 20

export type Wanted = Pick<Parcel, 'version' | 'tag' | 'branch' | 'commit'>

/**
 * @param scratch an empty directory; the artifact is put there
 * @throws PypaasError `usage` for a host that is none, `failed` with the last lines from there, `cancelled`
 */
export async function buildRemotely(
  copy: WorkingCopy,
  host: string,
  wanted: Wanted,
  scratch: string,
  output: Output,
  signal: AbortSignal,
): Promise<BuiltArtifact> {
  // ssh(1) would take it for an option.
  if (host === '' || host.startsWith('-') || /[\s\p{Cc}]/u.test(host)) {
    throw new PypaasError('usage', `${JSON.stringify(host)} is no host`, {
      hint: 'as ssh takes it: build.example.com, ci@build.example.com or ssh://ci@build.example.com:2222',
    })
  }
  const head = headLine(await parcelFor(copy, wanted))
  const repository = await borrowingRepository(copy, scratch)
  output.line(`building on ${host}`)
  const tail = lastLines(TAIL)
  const ssh = startSsh(copy, host, signal)
  createInterface(ssh.stderr).on('line', (line) => tee(output, tail).line(line))
  const archive = spawn('git', [`--git-dir=${repository}`, 'archive', '--format=tar', wanted.commit], {
    env: copy.env,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const ended = once(ssh, 'close') as Promise<[status: number | null]>
  try {
    ssh.stdin.write(head)
    // A server that ends early does not read it all; its status says why.
    const sent = pipeline(archive.stdout, ssh.stdin).catch(() => {})
    const built = await receive(ssh.stdout, scratch).catch((error: unknown) => error)
    await sent
    const [status] = await ended
    if (signal.aborted) throw new PypaasError('cancelled', `cancelled: the build on ${host}`)
    if (status !== 0) throw notBuilt(host, status, tail.lines)
    if (built instanceof Error) throw built
    const artifact = built as BuiltArtifact
    await check(artifact, wanted)
    return artifact
  } finally {
    archive.kill()
    ssh.kill()
  }
}

async function parcelFor({ git, repository, root, prefix }: WorkingCopy, wanted: Wanted): Promise<Parcel> {
  const submodules: Record<string, string> = {}
  for (const entry of (await git('ls-tree', '-r', '-z', '--full-tree', wanted.commit)).split('\0')) {
    const [, commit, path] = /^160000 commit (\S+)\t(.*)$/s.exec(entry) ?? []
    if (commit !== undefined && path !== undefined) submodules[path] = commit
  }
  // Text that git shows without its last line end; a commit object ends as its message does.
  const object = await rawObject(repository, wanted.commit)
  return { ...wanted, name: safeName(root), prefix, object: object.toString('base64'), submodules }
}

async function rawObject(repository: string, commit: string): Promise<Buffer> {
  const child = spawn('git', [`--git-dir=${repository}`, 'cat-file', 'commit', commit], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const chunks: Buffer[] = []
  for await (const chunk of child.stdout) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** The same objects, with attributes of our own: those of the user's repository are not to be touched. */
async function borrowingRepository({ git, repository }: WorkingCopy, scratch: string): Promise<string> {
  const path = join(scratch, 'archive.git')
  const kind = await git('rev-parse', '--show-object-format')
  await git('init', '--quiet', '--bare', `--object-format=${kind}`, path)
  await mkdir(join(path, 'info'), { recursive: true })
  await writeFile(join(path, 'info', 'attributes'), AS_COMMITTED)
  await writeFile(join(path, 'objects', 'info', 'alternates'), `${join(repository, 'objects')}\n`)
  return path
}

/** As git starts it: GIT_SSH_COMMAND is for a shell, which the host's name does not reach as text. */
function startSsh(
  { env }: WorkingCopy,
  host: string,
  signal: AbortSignal,
): ChildProcessByStdio<Writable, Readable, Readable> {
  const own = env['GIT_SSH_COMMAND']
  const args = ['-T', '--', host, ...COMMAND]
  const argv = own ? ['sh', '-c', `${own} "$@"`, 'ssh', ...args] : ['ssh', ...args]
  const ssh = spawn(argv[0] ?? '', argv.slice(1), { env, stdio: ['pipe', 'pipe', 'pipe'], signal })
  // Its status tells; without a listener it would end this process.
  ssh.on('error', () => {})
  ssh.stdin.on('error', () => {})
  return ssh
}

async function receive(stream: Readable, scratch: string): Promise<BuiltArtifact> {
  const { path, ...rest } = (await readHead(stream)) as BuiltArtifact
  const file = join(scratch, safeName(basename(path)))
  await pipeline(stream, createWriteStream(file, { flags: 'wx' }))
  return { ...rest, path: file }
}

/** What came is what was asked for, and all of it. */
async function check({ path, sha256, info }: BuiltArtifact, { version, commit }: Wanted): Promise<void> {
  if (info?.version === version && info.commit === commit && (await sha256Of(path)) === sha256) return
  throw new PypaasError('failed', 'the artifact that came back is damaged, or another one', {
    hint: 'try again; both sides need the same version of pypaas',
  })
}

function notBuilt(host: string, status: number | null, output: readonly string[]): PypaasError {
  // ssh(1), "EXIT STATUS"; sh(1) has 127 for a command that is not there.
  const what =
    status === 255
      ? `${host} cannot be reached over SSH`
      : status === 127
        ? `there is no pypaas on ${host}`
        : `the build on ${host} failed`
  const hint =
    status === 127
      ? 'install it there, where a login without a terminal finds it (/usr/local/bin)'
      : undefined
  return new PypaasError('failed', what, { output, ...(hint === undefined ? {} : { hint }) })
}
