/** The stop of a roll-out: no further host goes to that version. One document a fleet. */
import type { Board } from './board.ts'
import { STOPS, stopKey, type RollRef, type Stop } from './roll.ts'

export async function readStop(board: Board, ref: RollRef): Promise<Stop | undefined> {
  return (await board.read(stopKey(ref))) as Stop | undefined
}

export async function stopRoll(board: Board, ref: RollRef, stop: Stop): Promise<void> {
  await board.write(stopKey(ref), { ...ref, ...stop })
}

/** Ends a stop. With `known`, only that one: another that has come since stays. */
export async function clearStop(board: Board, ref: RollRef, known?: Stop): Promise<Stop | undefined> {
  const stop = await readStop(board, ref)
  if (stop === undefined) return undefined
  if (known !== undefined && (stop.version !== known.version || stop.since !== known.since)) return undefined
  await board.remove(stopKey(ref))
  return stop
}

export async function listStops(board: Board): Promise<(RollRef & Stop)[]> {
  return [...(await board.list(STOPS)).values()].filter((stop) => stop !== undefined) as (RollRef & Stop)[]
}
