import { hostname } from 'node:os'
import { expect, test } from 'vitest'
import { checkFleet, normalizeFleet } from '../../src/config/normalize-fleet.ts'
import type { RawMain } from '../../src/config/schema.ts'

type Lock = NonNullable<NonNullable<RawMain['fleet']>['lock']>

const ports = { min: 1, max: 2 }

test('a fleet has its turns in the store of the artifacts, if nothing else is said', () => {
  expect(normalizeFleet({})).toEqual({
    host: hostname(),
    lock: undefined,
    maxUnavailable: 1,
    turnTimeout: 60,
  })
})

test.each<[Lock, object]>([
  [{ etcd: 'http://a:2379, http://b:2379' }, { kind: 'etcd', urls: ['http://a:2379', 'http://b:2379'] }],
  [{ etcd: ['https://web:secret@a:2379'] }, { kind: 'etcd', urls: ['https://web:secret@a:2379'] }],
  [{ s3: 's3://bucket/fleet' }, { kind: 'store', at: 's3://bucket/fleet' }],
  [{ directory: '/srv/fleet' }, { kind: 'store', at: '/srv/fleet' }],
])('turns may be had at %o', (lock, expected) => {
  expect(checkFleet({ ports, fleet: { lock } })).toEqual([])
  expect(normalizeFleet({ lock }).lock).toEqual(expected)
})

test.each<[Lock, string]>([
  [{ etcd: 'a:2379' }, 'expected URLs such as `http://10.0.0.5:2379`'],
  [{ s3: 'bucket/fleet' }, 'expected `s3://bucket/prefix`'],
  [{ directory: 'fleet' }, 'expected an absolute path'],
  [{ s3: 's3://fleets', directory: '/srv' }, 'the turns can be in one place only; remove this or `s3`'],
])('turns cannot be had at %o', (lock, message) => {
  expect(checkFleet({ ports, fleet: { lock } }).map((finding) => finding.message)).toEqual([
    expect.stringContaining(message),
  ])
})
