/**
 * Turns in etcd: a key a turn, made only where there is none (a transaction), and bound to a lease. etcd counts
 * the time, so no host's clock matters: the key of a host that is gone vanishes with its lease.
 */
import { parseDocument, type Board } from './board.ts'
import { decoded, encoded, prefixRange, type Etcd } from './etcd.ts'
import { turnKey, turnPrefix, type Holder, type RollRef } from './roll.ts'
import type { Claim, Slots } from './slots.ts'

/** Beside what others keep in the same etcd. */
const ROOT = 'pypaas/'
/** Milliseconds. */
const PAUSE = 250

export function etcdSlots(etcd: Etcd): Slots {
  const held = async (ref: RollRef): Promise<ReadonlyMap<string, Holder>> => {
    const { kvs = [] } = await etcd.ask('kv/range', prefixRange(ROOT + turnPrefix(ref)))
    return new Map(
      kvs.flatMap(({ key, value }) => {
        const holder = parseDocument(decoded(value)) as Holder | undefined
        return holder === undefined ? [] : [[decoded(key), holder] as const]
      }),
    )
  }

  return {
    async take(ref, holder, most, seconds) {
      const taken = await held(ref)
      if (taken.size >= most) return undefined
      // Less than a second is nothing to etcd, and what it thinks too short it makes longer by itself.
      const { ID: lease } = await etcd.ask('lease/grant', { TTL: String(Math.ceil(seconds)) })
      for (let slot = 0; slot < most; slot++) {
        const key = ROOT + turnKey(ref, slot)
        if (!taken.has(key) && (await create(etcd, key, holder, lease))) return claimOf(etcd, lease)
      }
      await etcd.ask('lease/revoke', { ID: lease })
      return undefined
    },
    holders: async (ref) => [...(await held(ref)).values()],
    pause: PAUSE,
  }
}

/** False: another host was faster. */
async function create(etcd: Etcd, name: string, holder: Holder, lease: string | undefined): Promise<boolean> {
  const key = encoded(name)
  const { succeeded = false, responses = [] } = await etcd.ask('kv/txn', {
    compare: [{ key, target: 'CREATE', result: 'EQUAL', create_revision: '0' }],
    success: [{ request_put: { key, value: encoded(JSON.stringify(holder)), lease } }],
    failure: [{ request_range: { key } }],
  })
  if (succeeded) return true
  // A question whose answer was lost is asked again: what is there may be ours.
  const present = parseDocument(decoded(responses[0]?.response_range?.kvs?.[0]?.value))
  return (present as Holder | undefined)?.id === holder.id
}

function claimOf(etcd: Etcd, lease: string | undefined): Claim {
  return {
    async renew() {
      const { result } = await etcd.ask('lease/keepalive', { ID: lease })
      // A lease that is no more has no time left, and zeros are left out.
      return Number(result?.TTL ?? 0) > 0
    },
    async release() {
      await etcd.ask('lease/revoke', { ID: lease })
    },
  }
}

/** Documents in etcd, for fleets without a store of artifacts. */
export function etcdBoard(etcd: Etcd): Board {
  return {
    async read(key) {
      const { kvs = [] } = await etcd.ask('kv/range', { key: encoded(ROOT + key) })
      return kvs[0] === undefined ? undefined : parseDocument(decoded(kvs[0].value))
    },
    async write(key, value) {
      await etcd.ask('kv/put', { key: encoded(ROOT + key), value: encoded(JSON.stringify(value)) })
    },
    async remove(key) {
      await etcd.ask('kv/deleterange', { key: encoded(ROOT + key) })
    },
    async list(prefix) {
      const { kvs = [] } = await etcd.ask('kv/range', prefixRange(ROOT + prefix))
      return new Map(
        kvs.map(({ key, value }) => [decoded(key).slice(ROOT.length), parseDocument(decoded(value))]),
      )
    },
  }
}
