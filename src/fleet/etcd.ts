/** etcd version 3 through its JSON gateway (etcd's documentation, "gRPC gateway"): keys and values in base64, numbers as text. */
import { hasErrno, messageOf, PypaasError } from '../errors.ts'

/** Milliseconds that one endpoint has to answer before the next one is asked. */
const PATIENCE = 3000

export interface EtcdAddress {
  /** URLs without credentials; asked in this order. */
  readonly endpoints: readonly string[]
  readonly login: { readonly name: string; readonly password: string } | undefined
}

export interface Etcd {
  /**
   * Asks `path` (as in `kv/range`) and returns the answer.
   * @throws PypaasError `failed` if no endpoint answers, or etcd refuses
   */
  ask(path: string, question: object): Promise<Answer>
}

/** What the answers hold that is used here. Empty lists and zeros are left out by the gateway. */
export interface Answer {
  readonly kvs?: readonly KeyValue[]
  readonly succeeded?: boolean
  readonly responses?: readonly { readonly response_range?: { readonly kvs?: readonly KeyValue[] } }[]
  readonly ID?: string
  readonly TTL?: string
  readonly token?: string
  readonly result?: { readonly TTL?: string }
}

export interface KeyValue {
  readonly key: string
  readonly value?: string
}

/** URLs as the configuration has them; the user and password of the first that has some are for all. */
export function etcdAddress(urls: readonly string[]): EtcdAddress {
  const all = urls.map((url) => new URL(url))
  const named = all.find(({ username }) => username !== '')
  return {
    endpoints: all.map(({ origin }) => origin),
    login:
      named === undefined
        ? undefined
        : { name: decodeURIComponent(named.username), password: decodeURIComponent(named.password) },
  }
}

/** Nothing is asked before the first question. */
export function openEtcd({ endpoints, login }: EtcdAddress): Etcd {
  let token: string | undefined
  /** The endpoint that answered last is asked first. */
  let first = 0

  const send = async (path: string, question: object): Promise<Response> => {
    const failures: string[] = []
    for (let tried = 0; tried < endpoints.length; tried++) {
      const at = (first + tried) % endpoints.length
      try {
        const response = await fetch(`${endpoints[at]}/v3/${path}`, {
          method: 'POST',
          body: JSON.stringify(question),
          ...(token === undefined ? {} : { headers: { authorization: token } }),
          signal: AbortSignal.timeout(PATIENCE),
        })
        // One that has lost the others of its cluster says so with 503.
        if (response.status < 500 || tried === endpoints.length - 1) {
          first = at
          return response
        }
        failures.push(`${endpoints[at]}: ${(await response.text()).slice(0, 200)}`)
      } catch (error) {
        failures.push(`${endpoints[at]}: ${reason(error)}`)
      }
    }
    throw new PypaasError('failed', `etcd does not answer: ${failures.join('; ')}`, {
      hint: 'look whether it runs and can be reached from here, and at `fleet: {lock: {etcd: …}}` of pypaas.yml',
    })
  }

  const ask = async (path: string, question: object, again = true): Promise<Answer> => {
    if (login !== undefined && token === undefined) token = await authenticate()
    const response = await send(path, question)
    const text = await response.text()
    // A token is forgotten by etcd after some minutes without use.
    if (response.status === 401 && login !== undefined && again) {
      token = undefined
      return ask(path, question, false)
    }
    if (!response.ok) throw refused(response.status, text)
    return JSON.parse(text) as Answer
  }

  const authenticate = async (): Promise<string | undefined> => {
    const response = await send('auth/authenticate', login ?? {})
    const text = await response.text()
    if (!response.ok) throw refused(response.status, text)
    return (JSON.parse(text) as Answer).token
  }

  return { ask: (path, question) => ask(path, question) }
}

/** Text as the gateway wants it. */
export function encoded(text: string): string {
  return Buffer.from(text).toString('base64')
}

export function decoded(text = ''): string {
  return Buffer.from(text, 'base64').toString()
}

/** The range of all keys that begin with a prefix: up to the prefix with its last byte one higher. */
export function prefixRange(prefix: string): { key: string; range_end: string } {
  const end = Buffer.from(prefix)
  const last = end.length - 1
  end[last] = (end[last] ?? 0) + 1
  return { key: encoded(prefix), range_end: end.toString('base64') }
}

function refused(status: number, text: string): PypaasError {
  const { message = text } = (parsed(text) ?? {}) as { message?: string }
  return new PypaasError('failed', `etcd refuses: ${message.slice(0, 200)} (HTTP status ${status})`, {
    hint: 'look at the addresses, user and password of `fleet: {lock: {etcd: …}}` of pypaas.yml',
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

/** fetch says only that it failed; why is in its cause. */
function reason(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `no answer within ${PATIENCE / 1000} s`
  const cause = error instanceof Error ? error.cause : undefined
  if (hasErrno(cause, 'ECONNREFUSED')) return 'connection refused'
  return messageOf(cause ?? error)
}
