/** The server blocks of a domain. Pure. */
import { directivesOf, inherited, without, type Directive } from './directives.ts'
import { isPrefix, matchOf, matchOn, matchText, type Match } from './match.ts'
import { nginxQuote } from './quote.ts'
import { fill, type Templates } from './templates.ts'
import { hasHttp2Directive, listenLines, tlsOptions, tlsProfile } from './tls.ts'
import type { Extra } from './upstreams.ts'
import type { Answer, DomainView, LocationView, NginxView } from './view.ts'

export interface ServerText {
  readonly listen: readonly string[]
  readonly http2Directive: boolean
  /** Ours. What the operator's texts set is left out. */
  readonly directives: readonly Directive[]
  /** The operator's. */
  readonly extras: readonly Extra[]
  readonly locations: readonly LocationText[]
}

export interface LocationText {
  /** What stands behind `location`. */
  readonly match: string
  readonly directives: readonly Directive[]
  readonly extra: Extra
}

const NOTHING: Extra = { where: '', text: '' }

/** Makes the servers of any domain: one, or with TLS a second one that redirects to it. */
export function serversOf(view: NginxView, templates: Templates): (domain: DomainView) => ServerText[] {
  const defaults = serverDefaults(view, templates)
  const profile = tlsProfile(view.facts, templates)
  const port = view.https.port === 443 ? '' : `:${view.https.port}`

  const server = (
    listen: string[],
    domain: DomainView,
    ours: readonly Directive[],
    extras: Extra[],
  ): ServerText => {
    const own = extras.flatMap(({ text }) => directivesOf(text))
    const directives = without([...defaults(domain), ...ours], own)
    const locations = locationsOf(domain.locations, [...directives, ...own], templates)
    return { listen, http2Directive: false, directives, extras, locations }
  }

  return (domain) => {
    const { tls, listenOptions, httpExtra, httpsExtra } = domain
    const plain = listenLines(view.http.addresses, listenOptions)
    if (tls === undefined) return [server(plain, domain, [], [httpExtra])]
    const secure = listenLines(view.https.addresses, `${tlsOptions(view.facts)} ${listenOptions}`)
    const certificate = directivesOf(fill(templates.certificate, tls))
    const sslConfig = sslConfigOf(view, domain)
    const ours = sslConfig === undefined ? [...certificate, ...profile] : certificate
    const extras = sslConfig === undefined ? [httpsExtra] : [sslConfig, httpsExtra]
    return [
      redirectServer(plain, httpExtra, `https://$host${port}$request_uri`, templates),
      { ...server(secure, domain, ours, extras), http2Directive: hasHttp2Directive(view.facts) },
    ]
  }
}

/** The defaults that a domain's locations need, made once for all domains. */
function serverDefaults(
  { facts }: NginxView,
  templates: Templates,
): (domain: DomainView) => readonly Directive[] {
  const made = new Map<string, readonly Directive[]>()
  return ({ locations }) => {
    const uses = (protocol: string): boolean =>
      locations.some(({ answer }) => answer.kind === 'proxy' && answer.protocol === protocol)
    const proxies = { http: uses('http'), uwsgi: uses('uwsgi') }
    const counted = facts.switching.kind === 'lua' && (proxies.http || proxies.uwsgi)
    const needs = { ...proxies, counted }
    const key = JSON.stringify(needs)
    const known = made.get(key) ?? directivesOf(fill(templates.server, needs))
    made.set(key, known)
    return known
  }
}

/** The operator's profile; `{domain}` in it stands for the domain. */
function sslConfigOf({ sslConfig }: NginxView, { name }: DomainView): Extra | undefined {
  return sslConfig && { where: sslConfig.where, text: sslConfig.text.replaceAll('{domain}', name) }
}

/** In a location, so that one in the operator's text (such as for ACME challenges) goes before. */
function redirectServer(listen: string[], extra: Extra, target: string, templates: Templates): ServerText {
  const answered = directivesOf(extra.text).some(
    ({ name, args }) => name === 'location' && args.join(' ') === '/',
  )
  const directives = directivesOf(fill(templates.location, { redirect: target }))
  return {
    listen,
    http2Directive: false,
    directives: [],
    extras: [extra],
    locations: answered ? [] : [{ match: '/', directives, extra: NOTHING }],
  }
}

/** @param server everything that the server block sets */
function locationsOf(
  locations: readonly LocationView[],
  server: readonly Directive[],
  templates: Templates,
): LocationText[] {
  const matches = new Set(locations.map(({ path }) => matchText(matchOf(path))))
  // The operator's own page stands.
  const paged = server.some(({ name, args }) => name === 'error_page' && args.includes('502'))
  const alone = !paged && locations.some(({ answer }) => answer.kind === 'proxy' && answer.alone === true)
  const unavailable: LocationText = {
    match: '@pypaas_unavailable',
    directives: directivesOf(fill(templates.location, { unavailable: true })),
    extra: NOTHING,
  }
  const made = locations.flatMap(({ path, answer, extra }) => {
    const own = directivesOf(extra.text)
    const location = (match: Match, what: object): LocationText => {
      const ours = without(directivesOf(fill(templates.location, what)), own)
      // One page of a location's own, and nginx forgets those of the server.
      const paging = ours.some(({ name }) => name === 'error_page')
      const pages = paging ? server.filter(({ name }) => name === 'error_page') : []
      const repeated = [...inherited(server, [...ours, ...own]), ...pages]
      return { match: matchText(match), directives: [...ours, ...repeated], extra }
    }
    const match = matchOf(path)
    const mounted = answer.kind === 'files' && isPrefix(match) && !match.path.endsWith('/')
    if (!mounted) return [location(match, contentOf(match, answer, paged))]
    // Files below `/public`: an alias without the slash at its end would let `/public../` out of the directory.
    const exact = matchOn('=', match.path)
    const below = matchOn(match.modifier, `${match.path}/`)
    const redirect = nginxQuote(encodeURI(below.path), '$is_args$args')
    return [
      ...(matches.has(matchText(exact)) ? [] : [{ ...location(exact, { redirect }), extra: NOTHING }]),
      ...(matches.has(matchText(below)) ? [] : [location(below, contentOf(below, answer, paged))]),
    ]
  })
  return alone ? [...made, unavailable] : made
}

/**
 * What `location.mustache` wants.
 * @param paged whether there is another page for a process that does not answer
 */
function contentOf(match: Match, answer: Answer, paged: boolean): object {
  if (answer.kind === 'unavailable') return { unavailable: true }
  if (answer.kind === 'proxy') {
    const { protocol, upstream, path, alone } = answer
    return { [protocol]: { upstream, path }, alone: alone === true && !paged }
  }
  const directory = answer.subdirectory === '' ? answer.root : `${answer.root}/${answer.subdirectory}`
  // A prefix is cut off; an exact or a matching path is one below the directory.
  const place = isPrefix(match) && match.path !== '/' ? { alias: `${directory}/` } : { root: directory }
  return { files: { ...place, from: `from=${answer.root}` } }
}
