/** A fleet as this host is configured for it: who it is, where turns are had, where reports go. */
import type { FleetConfig } from '../config/types.ts'
import type { Context } from '../context.ts'
import { PypaasError } from '../errors.ts'
import { openArtifacts, openStore } from '../store/open.ts'
import type { Store } from '../store/store.ts'
import type { Board } from './board.ts'
import type { RollRef } from './roll.ts'
import type { Slots } from './slots.ts'

export interface Fleet {
  /** Name of this host in reports. */
  readonly host: string
  /** How many hosts may update at once. */
  readonly most: number
  /** Seconds after which the turn of a host that is gone is free again. */
  readonly seconds: number
  readonly slots: Slots
  readonly board: Board
}

/**
 * The fleet that this host belongs to. Undefined: none is configured, and hosts update as they like.
 * @throws PypaasError `config` if there is no place for its turns
 */
export async function openFleet(ctx: Context): Promise<Fleet | undefined> {
  const { fleet } = ctx.config.main
  if (fleet === undefined) return undefined
  return {
    host: fleet.host,
    most: fleet.maxUnavailable,
    seconds: fleet.turnTimeout,
    slots: await openSlots(ctx, fleet),
    board: await openBoard(ctx),
  }
}

async function openSlots(ctx: Context, { lock }: FleetConfig): Promise<Slots> {
  if (lock?.kind === 'etcd') return (await openEtcdPlaces(lock.urls)).slots
  const { storeSlots } = await import('./store-slots.ts')
  return storeSlots(lock === undefined ? await artifactStore(ctx) : await openStore(ctx, lock.at))
}

/**
 * Where reports and stops are: in the store of artifacts, so that they can be read wherever that can; without one,
 * where the turns are.
 * @throws PypaasError `config` if neither is configured
 */
export async function openBoard(ctx: Context): Promise<Board> {
  const { artifacts, fleet } = ctx.config.main
  const lock = artifacts?.store === undefined ? fleet?.lock : undefined
  if (lock?.kind === 'etcd') return (await openEtcdPlaces(lock.urls)).board
  const { storeBoard } = await import('./store-slots.ts')
  return storeBoard(lock === undefined ? await artifactStore(ctx) : await openStore(ctx, lock.at))
}

/** The newest published version, where artifacts are kept. */
export async function newestVersion(ctx: Context, ref: RollRef): Promise<string | undefined> {
  if (ctx.config.main.artifacts?.store === undefined) return undefined
  // What is pulled from elsewhere may have a name that no artifact can have.
  return (await openArtifacts(ctx)).latest(ref).catch(() => undefined)
}

async function artifactStore(ctx: Context): Promise<Store> {
  if (ctx.config.main.artifacts?.store === undefined) {
    throw new PypaasError('config', 'no place is configured for what the hosts of a fleet tell each other', {
      hint: 'set `artifacts: {store: …}` or `fleet: {lock: …}` in pypaas.yml',
    })
  }
  return (await openArtifacts(ctx)).store
}

async function openEtcdPlaces(urls: readonly string[]): Promise<{ slots: Slots; board: Board }> {
  const [{ etcdAddress, openEtcd }, { etcdBoard, etcdSlots }] = await Promise.all([
    import('./etcd.ts'),
    import('./etcd-slots.ts'),
  ])
  const etcd = openEtcd(etcdAddress(urls))
  return { slots: etcdSlots(etcd), board: etcdBoard(etcd) }
}
