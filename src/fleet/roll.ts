/** The words of a fleet: hosts that run one app, and how a new version of it rolls over them. Pure. */
import { fileName } from '../names.ts'

/** What rolls: the hosts that pull the same target of the same app are one fleet. */
export interface RollRef {
  readonly app: string
  readonly target: string
}

/** One version on its way to the hosts. */
export interface Roll extends RollRef {
  readonly version: string
}

/** Who has a turn. */
export interface Holder {
  readonly host: string
  /** What the host goes to. */
  readonly version: string
  /** ISO 8601, UTC, by the host's clock: for people only. */
  readonly since: string
  /** Tells two turns of one host apart. */
  readonly id: string
}

/** Why a version goes to no further host. */
export interface Stop {
  readonly version: string
  readonly host: string
  readonly why: string
  /** ISO 8601, UTC. */
  readonly since: string
}

export type Health = 'healthy' | 'failed' | 'unknown'

/** What a host says of itself; kept in the store. */
export interface HostReport {
  readonly host: string
  readonly app: string
  readonly target: string
  /** What is live there; null: nothing yet. */
  readonly version: string | null
  readonly health: Health
  /** `has`: it updates now; `waits`: until others have done so. */
  readonly turn: 'none' | 'waits' | 'has'
  /** When it came to be so: ISO 8601, UTC, by the host's clock. */
  readonly since: string
  /** What it goes to, or has failed to go to. */
  readonly to?: string
  readonly why?: string
  /** A turn that is not renewed until then is lost; ISO 8601, UTC. */
  readonly until?: string
}

/** Keys in the store, and in etcd below a prefix. A leading dot keeps them apart from apps. */
const REPORTS = '.fleet'
const TURNS = '.turns'

export function reportPrefix(ref?: RollRef): string {
  return ref === undefined ? `${REPORTS}/` : `${REPORTS}/${of(ref)}/`
}

export function reportKey(ref: RollRef, host: string): string {
  return `${reportPrefix(ref)}${fileName(host)}.json`
}

/** Where the turns of a fleet are: one document a turn that is held. */
export function turnPrefix(ref: RollRef): string {
  return `${TURNS}/${of(ref)}/`
}

export function turnKey(ref: RollRef, slot: number): string {
  return `${turnPrefix(ref)}${slot}.json`
}

/** Where the stops of all fleets are. Not below a fleet's turns, which are listed often. */
export const STOPS = '.stopped/'

export function stopKey(ref: RollRef): string {
  return `${STOPS}${of(ref)}.json`
}

function of({ app, target }: RollRef): string {
  return `${fileName(app)}/${fileName(target)}`
}

/** `shop/master`: how people write it. */
export function rollName({ app, target }: RollRef): string {
  return `${app}/${target}`
}
