/** How servers listen, and with which TLS. Pure. */
import { directivesOf, type Directive } from './directives.ts'
import type { HostFacts } from './facts.ts'
import { isAtLeast } from './program.ts'
import { fill, type Templates } from './templates.ts'

/** @param options behind each address, for example `ssl http2` */
export function listenLines(addresses: readonly string[], options = ''): string[] {
  return addresses.map((address) => `${address} ${options}`.trim())
}

/** Whether `http2` is a directive of its own; before nginx 1.25.1 it was an option of `listen`. */
export function hasHttp2Directive({ version }: HostFacts): boolean {
  return isAtLeast(version, [1, 25, 1])
}

/** What `listen` needs for TLS. */
export function tlsOptions(facts: HostFacts): string {
  return hasHttp2Directive(facts) ? 'ssl' : 'ssl http2'
}

/** The profile of pypaas: Mozilla's intermediate one. */
export function tlsProfile({ openssl }: HostFacts, templates: Templates): Directive[] {
  const curves = 'X25519:prime256v1:secp384r1'
  // OpenSSL knows the post-quantum group from 3.5 on, and refuses a list with a name that it does not know.
  const postQuantum = isAtLeast(openssl, [3, 5, 0])
  return directivesOf(fill(templates.tls, { curves: postQuantum ? `X25519MLKEM768:${curves}` : curves }))
}
