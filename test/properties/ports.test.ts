/** Ports, over random histories of claims and releases. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatPorts, readPortFile, type PortClaim } from '../../src/port-file.ts'
import { allocate } from '../../src/ports.ts'
import { join } from 'node:path'
import { writeFile } from 'node:fs/promises'
import { temporaryDirectory } from '../support/context.ts'

const range = fc
  .tuple(fc.integer({ min: 1024, max: 60_000 }), fc.integer({ min: 0, max: 40 }))
  .map(([min, more]) => ({ min, max: min + more }))

test('a port has one owner, is in the range, and none is passed over when all are wanted', () => {
  const step = fc.record({ free: fc.boolean(), count: fc.integer({ min: 0, max: 12 }) })
  fc.assert(
    fc.property(range, fc.array(step, { maxLength: 40 }), (ports, steps) => {
      const owners: number[][] = []
      let next: number | undefined
      for (const { free, count } of steps) {
        if (free) {
          owners.shift()
          continue
        }
        const taken = new Set(owners.flat())
        const found = allocate(taken, ports, count, next)
        const left = ports.max - ports.min + 1 - taken.size
        expect(found).toHaveLength(Math.min(count, left))
        expect(new Set(found).size).toBe(found.length)
        for (const port of found) {
          expect(taken.has(port)).toBe(false)
          expect(port >= ports.min && port <= ports.max).toBe(true)
        }
        if (found.length > 0) next = (found.at(-1) ?? 0) + 1
        owners.push(found)
      }
      const all = allocate(new Set(), ports, ports.max - ports.min + 1, next)
      expect(all.toSorted((a, b) => a - b)).toEqual(
        Array.from({ length: ports.max - ports.min + 1 }, (_, at) => ports.min + at),
      )
    }),
  )
})

test('the file of ports is read back as it was written, whatever the names', async () => {
  const file = join(await temporaryDirectory(), 'ports.yml')
  const text = fc.oneof(
    fc.string({ unit: 'grapheme', minLength: 1 }),
    fc.constantFrom('\u2028', '\u2029', '\u0085'),
  )
  const claim = fc.record({
    port: fc.integer({ min: 1, max: 65_535 }),
    repo: text,
    branch: text,
    release: text,
    runner: text,
    process: fc.nat(9),
    runnerType: fc.constant(undefined),
  })
  const claims = fc.uniqueArray(claim, { selector: ({ port }) => port })
  await fc.assert(
    fc.asyncProperty(
      claims,
      fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined }),
      async (some, next) => {
        await writeFile(file, formatPorts({ claims: some, next }))
        const sorted: PortClaim[] = some.toSorted((a, b) => a.port - b.port)
        expect(await readPortFile(file)).toEqual({ claims: sorted, next })
      },
    ),
  )
})
