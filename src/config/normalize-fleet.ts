/** The `fleet` of `pypaas.yml`: what may be in it beyond its schema, and its normalised shape. Pure but for the host's name. */
import { hostname } from 'node:os'
import { atValue, withPath, type Finding } from './finding.ts'
import { parseStore } from './normalize-artifacts.ts'
import type { RawMain } from './schema.ts'
import type { FleetConfig } from './types.ts'

type RawFleet = NonNullable<RawMain['fleet']>

export function normalizeFleet({ host, lock, max_unavailable, turn_timeout }: RawFleet): FleetConfig {
  const at = lock?.s3 ?? lock?.directory
  return {
    host: host ?? hostname(),
    lock:
      lock?.etcd !== undefined
        ? { kind: 'etcd', urls: typeof lock.etcd === 'string' ? lock.etcd.split(/[\s,]+/) : lock.etcd }
        : at === undefined
          ? undefined
          : { kind: 'store', at },
    maxUnavailable: max_unavailable ?? 1,
    turnTimeout: turn_timeout ?? 60,
  }
}

/** One place for the turns, and an address that can be one. */
export function checkFleet({ fleet }: RawMain): Finding[] {
  const lock = fleet?.lock
  if (fleet === undefined || lock === undefined) return []
  const path = ['fleet', 'lock']
  const found = (key: string, text: string): Finding =>
    atValue([...path, key], withPath([...path, key], text))
  const named = Object.keys(lock)
  if (named.length > 1)
    return [found(named[1] ?? '', `the turns can be in one place only; remove this or \`${named[0]}\``)]
  const urls = normalizeFleet(fleet).lock
  if (urls?.kind === 'etcd' && urls.urls.some((url) => !isHttp(url)))
    return [found('etcd', 'expected URLs such as `http://10.0.0.5:2379`')]
  if (lock.s3 !== undefined && parseStore(lock.s3)?.kind !== 's3')
    return [found('s3', 'expected `s3://bucket/prefix`')]
  if (lock.directory !== undefined && parseStore(lock.directory)?.kind !== 'directory')
    return [found('directory', 'expected an absolute path')]
  return []
}

function isHttp(url: string): boolean {
  return URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)
}
