/**
 * Turns in a store: a document a turn, written only over what was read. Times are the store's own (when it says
 * that the document was written, and what time it says it is now), so no host's clock matters.
 */
import { readDocument, type Store } from '../store/store.ts'
import { parseDocument, type Board } from './board.ts'
import { turnKey, turnPrefix, type Holder, type RollRef } from './roll.ts'
import type { Claim, Slots } from './slots.ts'

/** Milliseconds: a look costs a request or two. */
const PAUSE = 1000
/** Milliseconds by which two times of a store may be wrong together: HTTP's have whole seconds (RFC 9110, 5.6.7). */
const COARSE = 1000

/** What the document of a turn holds; it is free without a holder. It is never removed: not every store removes under a condition. */
interface Slot {
  readonly holder?: Holder
  readonly seconds?: number
  /** So that every renewal has an etag of its own, also where that is a hash of the content. */
  readonly renewals?: number
}

interface Seen {
  readonly holder: Holder | undefined
  /** Whether the holder's time lasts. */
  readonly held: boolean
  /** Milliseconds since 1970 by the store's clock. */
  readonly until: number
  readonly etag: string
}

export function storeSlots(store: Store): Slots {
  return {
    async take(ref, holder, most, seconds) {
      for (let at = 0; at < most; at++) {
        const key = turnKey(ref, at)
        const seen = await look(store, key)
        if (seen?.held === true) continue
        // Ours may be the clock that is wrong, where the store is a directory.
        if (seen?.holder !== undefined && seen.until > (await timeAt(store, ref))) continue
        const slot = { holder, seconds }
        const etag = await write(store, key, slot, seen?.etag)
        if (etag !== undefined) return claimOf(store, key, slot, etag)
      }
      return undefined
    },
    async holders(ref: RollRef) {
      const entries = await store.list(turnPrefix(ref))
      const all = await Promise.all(entries.map(({ key }) => look(store, key)))
      return all.flatMap((seen) => (seen?.held === true && seen.holder !== undefined ? [seen.holder] : []))
    },
    pause: PAUSE,
  }
}

/** Undefined: nobody has ever had that turn. */
async function look(store: Store, key: string): Promise<Seen | undefined> {
  const object = await store.read(key)
  if (object === undefined) return undefined
  const chunks: Buffer[] = []
  for await (const chunk of object.body as AsyncIterable<Buffer>) chunks.push(chunk)
  const { holder, seconds = 0 } = (parseDocument(Buffer.concat(chunks).toString()) ?? {}) as Slot
  const until = object.modified.getTime() + seconds * 1000 + COARSE
  const held = holder !== undefined && until >= store.now().getTime()
  return { holder, held, until, etag: object.etag }
}

/** What time the store gives to what is written now. */
async function timeAt(store: Store, ref: RollRef): Promise<number> {
  const key = `${turnPrefix(ref)}now`
  await store.write(key, '')
  return (await store.head(key))?.modified.getTime() ?? 0
}

/** Undefined: another host was faster. */
function write(store: Store, key: string, slot: Slot, over: string | undefined): Promise<string | undefined> {
  const condition = over === undefined ? ({ ifNoneMatch: '*' } as const) : { ifMatch: over }
  return store.write(key, JSON.stringify(slot), condition)
}

function claimOf(store: Store, key: string, slot: Slot & { holder: Holder }, first: string): Claim {
  let etag = first
  let renewals = 0
  return {
    async renew() {
      const next = await write(store, key, { ...slot, renewals: ++renewals }, etag)
      if (next !== undefined) {
        etag = next
        return true
      }
      // A write whose answer was lost has been tried again: what is there may be ours.
      const seen = await look(store, key)
      if (seen?.holder?.id !== slot.holder.id) return false
      etag = seen.etag
      return true
    },
    async release() {
      await write(store, key, {}, etag)
    },
  }
}

/** Documents in a store. */
export function storeBoard(store: Store): Board {
  const text = async (key: string): Promise<unknown> => {
    const document = await readDocument(store, key)
    return document === undefined ? undefined : parseDocument(document.text)
  }
  return {
    read: text,
    async write(key, value) {
      await store.write(key, JSON.stringify(value))
    },
    async remove(key) {
      await store.remove(key)
    },
    async list(prefix) {
      const entries = await store.list(prefix)
      return new Map(
        await Promise.all(entries.map(async ({ key }) => [key, await text(key)] as [string, unknown])),
      )
    },
  }
}
