/** Asks nginx for the page of a URL. */
import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import type { Context } from '../context.ts'

export interface Page {
  readonly status: number
  /** In words: the title of the page. */
  readonly title: string | undefined
}

/** By nginx's address, because not every resolver knows names below localhost. */
export async function fetchPage({ config }: Context, url: string): Promise<Page> {
  const { host, port } = config.main.nginx.http
  const { host: name, pathname } = new URL(url)
  const asked = request({ host: host ?? '127.0.0.1', port, path: pathname, headers: { host: name } })
  asked.end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  const body = Buffer.concat(await response.toArray()).toString('utf8')
  return { status: response.statusCode ?? 0, title: /<title>(.*?)<\/title>/s.exec(body)?.[1]?.trim() }
}
