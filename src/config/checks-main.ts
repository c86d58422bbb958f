/** What is wrong in a `pypaas.yml` that its schema finds right. Pure. */
import { atValue, withPath, type Finding } from './finding.ts'
import { nginxTextMistake } from './nginx-text.ts'
import { checkArtifacts } from './normalize-artifacts.ts'
import { checkFleet } from './normalize-fleet.ts'
import type { RawMain } from './schema.ts'
import type { ListenAddress } from './types.ts'
import { parseListen, parseSize, withDomain } from './values.ts'

export function checkMain(raw: RawMain): Finding[] {
  return [
    ...checkPorts(raw),
    ...checkAddresses(raw),
    ...checkSizes(raw),
    ...checkTlsText(raw),
    ...checkArtifacts(raw),
    ...checkFleet(raw),
    ...checkApps(raw),
  ]
}

function checkPorts({ ports }: RawMain): Finding[] {
  if (ports.min <= ports.max) return []
  const text = `\`min\` (${ports.min}) is above \`max\` (${ports.max}); exchange them`
  return [atValue(['ports', 'min'], withPath(['ports'], text))]
}

interface Listener {
  readonly path: readonly string[]
  readonly value: string | number | undefined
}

function checkAddresses(raw: RawMain): Finding[] {
  const listeners: readonly Listener[] = [
    { path: ['ssh', 'listen'], value: raw.ssh?.listen },
    { path: ['nginx', 'http'], value: raw.nginx?.http ?? 80 },
    { path: ['nginx', 'https'], value: raw.nginx?.https ?? 443 },
  ]
  const former: { path: readonly string[]; address: ListenAddress }[] = []
  return listeners.flatMap(({ path, value }) => {
    if (value === undefined) return []
    const address = parseListen(value)
    if (address === undefined) {
      const text = 'expected a port (1 to 65535), `host:port` or `"[IPv6 address]:port"`'
      return [atValue(path, withPath(path, text))]
    }
    const same = former.find((other) => overlap(other.address, address))
    former.push({ path, address })
    return same === undefined
      ? []
      : [atValue(path, withPath(path, `\`${same.path.join('.')}\` listens on port ${address.port} already`))]
  })
}

/** Whether one would take the other's connections: the same port on the same or on all addresses. */
function overlap(one: ListenAddress, other: ListenAddress): boolean {
  const all = one.host === undefined || other.host === undefined
  return one.port === other.port && (all || one.host === other.host)
}

function checkSizes({ git, disk }: RawMain): Finding[] {
  const sizes = [
    [['git', 'max_push'], git?.max_push],
    [['disk', 'min_free'], disk?.min_free],
    [['disk', 'max'], disk?.max],
  ] as const
  const text = 'expected a size above 0: a number of bytes, or with a unit as in `500MiB` or `1GiB`'
  return sizes.flatMap(([path, size]) =>
    size === undefined || parseSize(size) !== undefined ? [] : [atValue(path, withPath(path, text))],
  )
}

/** What every template can name already (`apps/app-templates.ts`). */
const GIVEN = ['env', 'app', 'target', 'version', 'commit', 'directory', 'hostname']

function checkApps({ apps = {} }: RawMain): Finding[] {
  return Object.entries(apps).flatMap(([app, { values = {} }]) =>
    GIVEN.filter((name) => Object.hasOwn(values, name)).map((name) => {
      const path = ['apps', app, 'values', name]
      return atValue(path, withPath(path, `every template has \`${name}\` from pypaas; take another name`))
    }),
  )
}

function checkTlsText({ ssl_config: text }: RawMain): Finding[] {
  // The placeholder's braces are not nginx's.
  const mistake = text === undefined ? undefined : nginxTextMistake(withDomain(text, 'domain'))
  return mistake === undefined ? [] : [atValue(['ssl_config'], withPath(['ssl_config'], mistake))]
}
