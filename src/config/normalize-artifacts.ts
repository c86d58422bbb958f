/** The `artifacts` of `pypaas.yml`: what may be in it beyond its schema, and its normalised shape. Pure. */
import { atValue, withPath, type Finding } from './finding.ts'
import type { RawMain } from './schema.ts'
import type { ArtifactsConfig, StoreAddress } from './types.ts'

type RawArtifacts = NonNullable<RawMain['artifacts']>

export function normalizeArtifacts({ store, allowed_signers, s3 = {} }: RawArtifacts): ArtifactsConfig {
  return {
    store: store === undefined ? undefined : parseStore(store),
    allowedSigners: allowed_signers,
    s3: {
      endpoint: s3.endpoint,
      region: s3.region,
      pathStyle: s3.path_style,
      serverSideEncryption: s3.server_side_encryption,
      kmsKey: s3.kms_key,
      storageClass: s3.storage_class,
      accessKey: s3.access_key,
      secretKey: s3.secret_key,
      sessionToken: s3.session_token,
    },
  }
}

/** An absolute path, or `s3://bucket/prefix`. Undefined if it is neither. */
export function parseStore(text: string): StoreAddress | undefined {
  if (text.startsWith('/')) return { kind: 'directory', path: text }
  const [, bucket, prefix = ''] = /^s3:\/\/([a-z0-9][a-z0-9._-]{1,62})(?:\/(.*))?$/.exec(text) ?? []
  const parts = prefix.split('/').filter((part) => part !== '')
  if (bucket === undefined || parts.some((part) => part === '.' || part === '..')) return undefined
  return { kind: 's3', bucket, prefix: parts.join('/') }
}

export function checkArtifacts({ artifacts }: RawMain): Finding[] {
  if (artifacts === undefined) return []
  const { store, allowed_signers: signers, s3 } = artifacts
  return [
    ...(store === undefined || parseStore(store) !== undefined
      ? []
      : [wrong(['store'], 'expected an absolute path, or `s3://bucket/prefix`')]),
    ...(signers === undefined || signers.startsWith('/')
      ? []
      : [wrong(['allowed_signers'], 'expected the absolute path of a file')]),
    ...(s3?.endpoint === undefined || isHttp(s3.endpoint)
      ? []
      : [wrong(['s3', 'endpoint'], 'expected a URL such as `https://s3.example.com`')]),
    ...((s3?.access_key === undefined) === (s3?.secret_key === undefined)
      ? []
      : [wrong(['s3'], '`access_key` and `secret_key` belong together')]),
  ]
}

function isHttp(url: string): boolean {
  return URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)
}

function wrong(key: readonly string[], text: string): Finding {
  const path = ['artifacts', ...key]
  return atValue(path, withPath(path, text))
}
