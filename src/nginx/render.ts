/** Makes nginx's files of a view: one shared, one a branch's upstreams, one a domain. Pure but for reading the templates. */
import { createHash } from 'node:crypto'
import { joinNames } from '../names.ts'
import type { BranchRef } from '../paths.ts'
import type { PortMap } from './dictionary.ts'
import { directivesOf, type Directive } from './directives.ts'
import { isAtLeast } from './program.ts'
import { serversOf, type ServerText } from './server.ts'
import { fill, readTemplates, type Templates } from './templates.ts'
import type { Switching } from './switching.ts'
import { hasHttp2Directive, listenLines, tlsOptions, tlsProfile } from './tls.ts'
import { portMapOf, type BranchUpstreams, type Extra } from './upstreams.ts'
import type { DomainView, NginxView } from './view.ts'

export interface NginxFile {
  readonly text: string
  /** The domain that it is of; undefined for upstreams and what is shared. */
  readonly domain: string | undefined
  /** The branches that it is about. */
  readonly refs: readonly BranchRef[]
}

/** A set of nginx's files, by name. */
export interface NginxFiles {
  readonly files: ReadonlyMap<string, NginxFile>
  /** Names of files that stay as they are, if they are there. */
  readonly kept: ReadonlySet<string>
  /** The ports that go into nginx's memory. Undefined: it is not told of any. */
  readonly ports: PortMap | undefined
}

/** The file of what all others need. Its name sorts first: the first server of an address is its default. */
export const SHARED_FILE = '00-pypaas.conf'

export function renderFiles(view: NginxView): NginxFiles {
  return renderWith(view, readTemplates())
}

/** Pure. */
export function renderWith(view: NginxView, templates: Templates): NginxFiles {
  const files = new Map<string, NginxFile>()
  files.set(SHARED_FILE, { text: sharedText(view, templates), domain: undefined, refs: [] })
  for (const branch of view.branches) {
    const name = configFile('upstream', branch.ref.repo, branch.ref.branch)
    files.set(name, { text: upstreamText(branch, templates), domain: undefined, refs: [branch.ref] })
  }
  const servers = serversOf(view, templates)
  for (const domain of view.domains) {
    const text = domainText(domain, servers(domain), templates)
    files.set(configFile('domain', domain.name), { text, domain: domain.name, refs: domain.refs })
  }
  const ports = view.facts.switching.kind === 'lua' ? portMapOf(view.branches) : undefined
  return { files, ports, kept: new Set(view.kept.map((name) => configFile('domain', name))) }
}

/** A file's name from what it is of. Injective; a name too long for a file system ends in a hash. */
function configFile(...names: string[]): string {
  const joined = joinNames(...names)
  if (joined.length <= 200) return `${joined}.conf`
  return `${joined.slice(0, 120)}+${createHash('sha256').update(joined).digest('hex')}.conf`
}

function sharedText(view: NginxView, templates: Templates): string {
  const { facts, sslConfig } = view
  const secure = view.domains.some(({ tls }) => tls !== undefined)
  // Before 1.19.4 nothing can refuse a handshake: the first domain answers for unknown ones.
  const https = secure && isAtLeast(facts.version, [1, 19, 4])
  return fill(templates.shared, {
    unavailablePage: templates.unavailablePage,
    http: view.listen ? { listen: listenLines(view.http.addresses) } : undefined,
    https: https
      ? {
          listen: listenLines(view.https.addresses, tlsOptions(facts)),
          http2Directive: hasHttp2Directive(facts),
          profile: sslConfig === undefined ? sharedTls(tlsProfile(view.facts, templates)) : [],
          sslConfig:
            sslConfig === undefined
              ? undefined
              : { ...sslConfig, text: sharedTls(directivesOf(sslConfig.text)).join('\n') },
        }
      : undefined,
    lua: facts.switching.kind === 'lua' ? luaView(facts.switching, templates) : undefined,
  })
}

/** The code is in the file: an nginx that starts depends on nothing else of pypaas. */
function luaView({ seed, control }: Switching & { kind: 'lua' }, { switchCode }: Templates): object {
  return { code: switchCode.trimEnd(), seed, control }
}

/** What of a TLS profile is not about one domain: its handshake is the one that the first server begins. */
function sharedTls(profile: readonly Directive[]): string[] {
  return profile
    .filter(({ name }) => !/^(ssl_(certificate|trusted|stapling|client|verify)|add_header)/.test(name))
    .map(({ text }) => text)
}

function upstreamText({ ref, upstreams }: BranchUpstreams, templates: Templates): string {
  return fill(templates.upstreams, {
    heading: comment(`repo ${ref.repo}, branch ${ref.branch}`),
    upstreams: upstreams.map(({ name, ports, key, extra }) => ({
      name,
      ports,
      key,
      extra: extraView(extra),
    })),
  })
}

function domainText(domain: DomainView, servers: readonly ServerText[], templates: Templates): string {
  return fill(templates.domain, {
    heading: `domains/${domain.name}.yml`,
    servers: servers.map((server) => ({
      ...server,
      name: domain.name,
      extras: server.extras.map(extraView).filter(Boolean),
      lines: indented(server.directives, 4),
      locations: server.locations.map(({ match, directives, extra }) => ({
        match,
        lines: indented(directives, 8),
        extras: [extraView(extra)].filter(Boolean),
      })),
    })),
  })
}

/** A text without anything in it is left out, with its markers. */
function extraView({ where, text }: Extra): Extra | undefined {
  return text.trim() === '' ? undefined : { where: comment(where), text: text.replace(/\s+$/, '') }
}

function indented(directives: readonly Directive[], depth: number): string[] {
  return directives.map(({ text }) => text.replaceAll('\n', `\n${' '.repeat(depth)}`))
}

/** Text that ends with its line. */
function comment(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, ' ')
}
