/** The S3 client: where it connects to, as whom, and what its failures mean. Loads the AWS SDK. */
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { join } from 'node:path'
import type { S3Config } from '../config/types.ts'
import { hasErrno, PypaasError } from '../errors.ts'
import { readIfThere } from '../system/files.ts'

const REGION = 'us-east-1'
/** Milliseconds until a connection is there, and until an answer begins. */
const CONNECT = 10_000
const ANSWER = 60_000

export interface S3Connection {
  readonly client: S3Client
  /** The server's clock as of its last answer. */
  now(): Date
}

/** @param home whose `.amazon/account-key` counts */
export async function connectS3(home: string, config: S3Config): Promise<S3Connection> {
  const { env } = process
  // Which Node we support is said elsewhere; users of a command need no word of its library about it.
  env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true'
  const endpoint = config.endpoint ?? env['AWS_ENDPOINT_URL_S3'] ?? env['AWS_ENDPOINT_URL']
  const credentials = await credentialsOf(home, config)
  const client = new S3Client({
    region: config.region ?? env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'] ?? REGION,
    ...(endpoint === undefined ? {} : { endpoint }),
    // Few servers beside Amazon's have a host name for each bucket.
    forcePathStyle: config.pathStyle ?? endpoint !== undefined,
    ...(credentials === undefined ? {} : { credentials }),
    // Older servers, Ceph's among them, do not know the checksums that the SDK would add.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: CONNECT, requestTimeout: ANSWER, throwOnRequestTimeout: true },
  })
  return { client, now: clockOf(client) }
}

/** RFC 9110, 6.6.1: an answer tells the server's time, in whole seconds. */
function clockOf(client: S3Client): () => Date {
  let ahead = 0
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args)
      const { headers } = result.response as { headers?: Record<string, string> }
      const date = Date.parse(headers?.['date'] ?? '')
      if (!Number.isNaN(date)) ahead = date - Date.now()
      return result
    },
    { step: 'deserialize', name: 'serverClock', priority: 'low' },
  )
  return () => new Date(Date.now() + ahead)
}

/**
 * The configuration's, the environment's, or those of `~/.amazon/account-key`. Undefined: the SDK looks where it does
 * (its own files, the instance's role).
 */
async function credentialsOf(home: string, config: S3Config): Promise<S3ClientConfig['credentials']> {
  if (config.accessKey !== undefined && config.secretKey !== undefined) {
    return keys(config.accessKey, config.secretKey, config.sessionToken)
  }
  if (process.env['AWS_ACCESS_KEY_ID']) return undefined
  const file = join(home, '.amazon', 'account-key')
  const text = await readIfThere(file)
  if (text === undefined) return undefined
  const found = parseAccountKey(text)
  if (found === undefined) {
    throw new PypaasError('config', 'it holds no keys of S3', {
      where: file,
      hint: 'it has two lines, `accessKey=…` and `secretKey=…`',
    })
  }
  return keys(found.accessKey, found.secretKey)
}

function keys(accessKeyId: string, secretAccessKey: string, sessionToken?: string) {
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) }
}

/** `accessKey=…` and `secretKey=…`, in any order; other lines are passed over. Pure. */
export function parseAccountKey(
  text: string,
): { readonly accessKey: string; readonly secretKey: string } | undefined {
  const value = (name: string): string | undefined =>
    new RegExp(`^\\s*${name}\\s*=\\s*(\\S+)\\s*$`, 'm').exec(text)?.[1]
  const accessKey = value('accessKey')
  const secretKey = value('secretKey')
  return accessKey === undefined || secretKey === undefined ? undefined : { accessKey, secretKey }
}

/** What an error of the SDK has that says what happened. */
interface Answer {
  readonly name: string
  readonly message: string
  readonly $metadata?: { readonly httpStatusCode?: number }
}

export function statusOf(error: unknown): number | undefined {
  return error instanceof Error ? (error as Error & Answer).$metadata?.httpStatusCode : undefined
}

/** A failure of S3 in words. `shown` is what was asked for. */
export function s3Failure(error: unknown, shown: string): PypaasError {
  if (error instanceof PypaasError) return error
  const { name, message } = error as Answer
  const status = statusOf(error)
  if (name === 'AbortError') return new PypaasError('cancelled', `cancelled: ${shown}`, { cause: error })
  const [text, hint] = meaning(error, name, status) ?? [
    `S3 answered ${status ?? 'nothing'} (${name}: ${message})`,
    'look at the log of the S3 server',
  ]
  return new PypaasError('failed', `${shown}: ${text}`, { hint, cause: error })
}

function meaning(
  error: unknown,
  name: string,
  status: number | undefined,
): readonly [string, string] | undefined {
  const keysHint =
    'see artifacts.s3 in pypaas.yml, AWS_ACCESS_KEY_ID, or ~/.amazon/account-key; the clock of this host counts too'
  switch (name) {
    case 'NoSuchBucket':
      return ['there is no such bucket', 'make the bucket, or mend its name in the configuration']
    case 'InvalidAccessKeyId':
    case 'SignatureDoesNotMatch':
    case 'RequestTimeTooSkewed':
      return [`the server refuses the keys (${name})`, keysHint]
    case 'CredentialsProviderError':
      return ['there are no keys for S3', keysHint]
  }
  if (status === 403)
    return ['the keys do not permit this', 'look at the rights of the key and the policy of the bucket']
  if (status === 301 || status === 307 || name === 'PermanentRedirect')
    return ['the bucket is in another region', 'set artifacts.s3.region']
  if (hasErrno(error, 'ENOTFOUND', 'ECONNREFUSED', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'))
    return ['the S3 server cannot be reached', 'look at artifacts.s3.endpoint, and whether the server runs']
  return undefined
}
