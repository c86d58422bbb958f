/** Stores and the repository of artifacts as the configuration has them. S3's library is loaded only where it is used. */
import { parseStore } from '../config/normalize-artifacts.ts'
import type { S3Config, StoreAddress } from '../config/types.ts'
import type { Context } from '../context.ts'
import { PypaasError } from '../errors.ts'
import { artifactsOf, type Artifacts } from './artifacts.ts'
import { signatureCheck } from './signed.ts'
import type { Store } from './store.ts'

const ADDRESS = 'a store is the absolute path of a directory, or `s3://bucket/prefix`'

/** How S3 is reached if nothing is configured. */
export const DEFAULT_S3: S3Config = {
  endpoint: undefined,
  region: undefined,
  pathStyle: undefined,
  serverSideEncryption: undefined,
  kmsKey: undefined,
  storageClass: undefined,
  accessKey: undefined,
  secretKey: undefined,
  sessionToken: undefined,
}

/**
 * Opens a store by its address: `/dir` or `s3://bucket/prefix`.
 * @param s3 instead of what is configured
 * @throws PypaasError `config` or `usage`
 */
export async function openStore(ctx: Context, address: string, s3?: S3Config): Promise<Store> {
  const parsed = parseStore(address)
  if (parsed === undefined)
    throw new PypaasError('usage', `${JSON.stringify(address)} is no store`, { hint: ADDRESS })
  return openParsed(ctx, parsed, s3)
}

/**
 * Opens the repository of artifacts.
 * @param options.store another one than is configured; who can give none leaves it out
 * @throws PypaasError `config` if none is configured, or it cannot be used
 */
export async function openArtifacts(
  ctx: Context,
  options: { readonly store?: string | undefined } = {},
): Promise<Artifacts> {
  const { artifacts } = ctx.config.main
  const { allowedSigners } = artifacts ?? {}
  const verify = allowedSigners === undefined ? undefined : signatureCheck(allowedSigners)
  if (options.store !== undefined) return artifactsOf(await openStore(ctx, options.store), verify)
  if (artifacts?.store === undefined) {
    throw new PypaasError('config', 'no repository of artifacts is configured', {
      hint: `write \`artifacts: {store: …}\` into pypaas.yml${'store' in options ? ', or give --store' : ''}; ${ADDRESS}`,
    })
  }
  return artifactsOf(await openParsed(ctx, artifacts.store), verify)
}

async function openParsed(ctx: Context, address: StoreAddress, s3?: S3Config): Promise<Store> {
  if (address.kind === 'directory') {
    const { directoryStore } = await import('./directory.ts')
    return directoryStore(address.path)
  }
  const { openS3Store } = await import('./s3.ts')
  return openS3Store(ctx, address.bucket, address.prefix, s3 ?? ctx.config.main.artifacts?.s3 ?? DEFAULT_S3)
}
