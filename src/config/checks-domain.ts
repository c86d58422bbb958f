/** What is wrong in the file of a domain that its schema finds right. Pure. */
import { atKey, atValue, withPath, type Finding } from './finding.ts'
import { locationIdentity, parseLocation } from './location.ts'
import { domainNameMistake } from './naming.ts'
import { nginxTextMistake } from './nginx-text.ts'
import type { RawDomain } from './schema.ts'

export function checkDomain(name: string, raw: RawDomain): Finding[] {
  const mistake = domainNameMistake(name)
  return [
    ...(mistake === undefined ? [] : [atKey([], mistake)]),
    ...checkLocations(Object.keys(raw.locations)),
    ...checkText('nginx_http_extra_config', raw.nginx_http_extra_config),
    ...checkText('nginx_https_extra_config', raw.nginx_https_extra_config),
    ...checkFile('ssl_certificate', raw.ssl_certificate),
    ...checkFile('ssl_certificate_key', raw.ssl_certificate_key),
    ...checkFile('ssl_certificate_chain', raw.ssl_certificate_chain),
    ...checkListenOptions(raw.extra_listen_options ?? ''),
  ]
}

function checkLocations(keys: readonly string[]): Finding[] {
  const former = new Map<string, string>()
  return keys.flatMap((key) => {
    const path = ['locations', key]
    const location = parseLocation(key)
    if (typeof location === 'string') return [atKey(path, withPath(path, location))]
    const identity = locationIdentity(location)
    const same = former.get(identity)
    former.set(identity, key)
    return same === undefined
      ? []
      : [atKey(path, withPath(path, `to nginx this is the same location as \`${same}\``))]
  })
}

function checkText(key: string, text: string | undefined): Finding[] {
  const mistake = text === undefined ? undefined : nginxTextMistake(text)
  return mistake === undefined ? [] : [atValue([key], withPath([key], mistake))]
}

function checkFile(key: string, path: string | undefined): Finding[] {
  if (path === undefined || /^\/[^\s"'\\;{}$#\p{Cc}]+$/u.test(path.replaceAll('{domain}', 'domain')))
    return []
  const text = 'expected an absolute path without spaces and quotes; `{domain}` stands for the domain'
  return [atValue([key], withPath([key], text))]
}

function checkListenOptions(options: string): Finding[] {
  if (/^[\w=:.,/ -]*$/.test(options)) return []
  const path = ['extra_listen_options']
  return [atValue(path, withPath(path, "expected options of nginx's `listen`, as in `proxy_protocol`"))]
}
