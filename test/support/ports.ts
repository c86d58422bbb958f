/** Port ranges that no two tests share, also not two files that run at once. */
import { mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { listeners } from '../../src/system/listeners.ts'

/** Below the ports that the kernel gives out by itself (ip_local_port_range). */
const FIRST = 15_000
const LAST = 31_000

/** Claims `count` neighbouring ports until the test has ended, or until what `atEnd` is given is called. */
export function claimPortRange(
  count: number,
  atEnd: (release: () => void) => unknown = onTestFinished,
): { readonly min: number; readonly max: number } {
  const claims = join(tmpdir(), 'pypaas-test-ports')
  mkdirSync(claims, { recursive: true })
  const size = Math.ceil(count / 50) * 50
  const offset = (process.pid * 50) % (LAST - FIRST)
  // Of whatever else runs on this machine.
  const used = listeners().map(({ port }) => port)
  for (let tried = 0; tried < LAST - FIRST; tried += 50) {
    const min = FIRST + ((offset + tried) % (LAST - FIRST - size))
    const taken: string[] = []
    if (used.some((port) => port >= min - (min % 50) && port < min + size)) continue
    try {
      for (let port = min - (min % 50); port < min + size; port += 50) {
        const claim = join(claims, String(port))
        mkdirSync(claim)
        taken.push(claim)
      }
    } catch {
      for (const claim of taken) rmSync(claim, { recursive: true })
      continue
    }
    atEnd(() => {
      for (const claim of taken) rmSync(claim, { recursive: true, force: true })
    })
    return { min: min - (min % 50), max: min - (min % 50) + count - 1 }
  }
  throw new Error(`no free range of ${count} ports: remove ${claims} if no test runs`)
}
