/** Checks an artifact: its files against its own description, its signature against those who may sign. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { readInfo, sha256Of, verifyFiles, type ArtifactInfo } from '../../artifact/info.ts'
import { verifySignature } from '../../artifact/signature.ts'
import { unpackArchive } from '../../artifact/unpack.ts'
import { PypaasError } from '../../errors.ts'
import { readIfThere } from '../../system/files.ts'
import type { Invocation } from '../command.ts'
import { textOf } from './options.ts'
import { fileOf } from './file.ts'

export async function run(invocation: Invocation): Promise<number> {
  const { args, json, out, session } = invocation
  const file = await fileOf(args[0])
  // First of all: nothing is unpacked that somebody else has made.
  const signer = await signerOf(invocation, file)
  const { name, version, platform, commit } = await verified(file, session.signal)
  const sha256 = await sha256Of(file)
  if (json) {
    out.line(JSON.stringify({ name, version, platform, commit, sha256, signer: signer ?? null }, null, 2))
    return 0
  }
  out.line(`${name} ${version} for ${platform}, of commit ${commit}`)
  out.line(`SHA-256 ${sha256}`)
  out.line(signer === undefined ? 'not signed' : `signed by ${signer}`)
  return 0
}

/** Undefined: it is not signed, and nobody asks for it. */
async function signerOf({ ctx, options }: Invocation, file: string): Promise<string | undefined> {
  const path = textOf(options, 'signature')
  const signature = await readIfThere(path === undefined ? `${file}.sig` : resolve(path))
  const allowed = textOf(options, 'allowedSigners') ?? ctx.config.main.artifacts?.allowedSigners
  const asked = path !== undefined || textOf(options, 'identity') !== undefined || allowed !== undefined
  if (signature === undefined && !asked) return undefined
  if (signature === undefined && path !== undefined) {
    throw new PypaasError('usage', `there is no signature ${path}`, {
      hint: '`artifact sign` puts it beside the artifact, as <file>.sig',
    })
  }
  if (signature === undefined) {
    throw new PypaasError('denied', 'the artifact is not signed', {
      where: file,
      hint: 'sign it with `artifact sign --key <file>`, or name the signature with --signature',
    })
  }
  if (allowed === undefined) {
    throw new PypaasError('usage', 'the artifact is signed, but nobody is known who may sign', {
      where: file,
      hint: 'name a file with --allowed-signers, or as artifacts.allowed_signers in pypaas.yml',
    })
  }
  return verifySignature(file, signature, resolve(allowed), textOf(options, 'identity'))
}

async function verified(file: string, signal: AbortSignal): Promise<ArtifactInfo> {
  const directory = await mkdtemp(join(tmpdir(), 'pypaas-verify-'))
  try {
    await unpackArchive(file, directory, undefined, signal)
    const info = await readInfo(directory)
    if (info === undefined) {
      throw new PypaasError('failed', 'the archive is no artifact: it has no info.json', {
        where: file,
        hint: '`artifact build` makes artifacts',
      })
    }
    await verifyFiles(directory, info)
    return info
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
