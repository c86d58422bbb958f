/** A line on a terminal that shows how far a file has come. */
import type { Writable } from 'node:stream'
import { bytes } from '../text.ts'

/** Milliseconds between two drawings. */
const PAUSE = 100
const BAR = 24

export interface Progress {
  readonly step: (done: number, total: number) => void
  /** Takes the line away. */
  end(): void
}

/** Undefined: the stream is no terminal, where nothing is drawn. */
export function progressOn(stream: Writable, now: () => Date): Progress | undefined {
  if (!('isTTY' in stream) || stream.isTTY !== true) return undefined
  const began = now().getTime()
  let drawn = 0
  return {
    step(done, total) {
      const time = now().getTime()
      if (time - drawn < PAUSE && done < total) return
      drawn = time
      stream.write(`\r\u001B[K${progressLine(done, total, time - began)}`)
    },
    end() {
      if (drawn > 0) stream.write('\r\u001B[K')
    },
  }
}

/** `[######------]  50 %  1.0 GiB of 2.0 GiB  80.0 MiB/s  13 s left`. Pure. */
export function progressLine(done: number, total: number, milliseconds: number): string {
  const part = total === 0 ? 1 : Math.min(1, done / total)
  const full = Math.round(part * BAR)
  const bar = `[${'#'.repeat(full)}${'-'.repeat(BAR - full)}]`
  const amount = `${String(Math.floor(part * 100)).padStart(3)} %  ${bytes(done)} of ${bytes(total)}`
  if (milliseconds < 1000 || done === 0) return `${bar} ${amount}`
  const rate = done / (milliseconds / 1000)
  return `${bar} ${amount}  ${bytes(rate)}/s  ${Math.ceil((total - done) / rate)} s left`
}
