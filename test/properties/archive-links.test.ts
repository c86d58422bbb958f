import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { linkRefusal, safePath } from '../../src/artifact/safe-names.ts'

/** Few names, so that links meet. */
const part = fc.constantFrom('a', 'b', 'c')
const path = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'))
const target = fc
  .array(fc.constantFrom('a', 'b', 'c', '..', '..', '.', ''), { minLength: 1, maxLength: 5 })
  .map((parts) => parts.join('/'))
  .filter((text) => text !== '' && !text.startsWith('/'))

test('links that are let through lead nowhere outside of the tree, as the kernel follows them', () => {
  fc.assert(
    fc.property(fc.dictionary(path, target, { minKeys: 1, maxKeys: 4 }), (wanted) => {
      // No entry lies behind a link: such an archive is refused before.
      const paths = Object.keys(wanted)
      const links = new Map(
        Object.entries(wanted).filter(([at]) => !paths.some((other) => at.startsWith(`${other}/`))),
      )
      const outside = mkdtempSync(join(tmpdir(), 'pypaas-links-'))
      try {
        const root = join(outside, 'tree')
        // What a link could lead to.
        for (const name of ['a', 'b', 'c']) writeFileSync(join(outside, name), 'outside')
        mkdirSync(root)
        for (const at of links.keys()) mkdirSync(dirname(join(root, at)), { recursive: true })
        for (const [at, to] of links) symlinkSync(to, join(root, at))
        if ([...links.keys()].some((at) => linkRefusal(at, links) !== undefined)) return
        for (const at of links.keys()) {
          if (!existsSync(join(root, at))) continue
          expect(`${realpathSync(join(root, at))}/`.startsWith(`${realpathSync(root)}/`)).toBe(true)
        }
      } finally {
        rmSync(outside, { recursive: true })
      }
    }),
    { numRuns: 200 },
  )
})

test('a path that is let through is below the tree, and means itself', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', '..', '.', '', ' ', 'é'), { maxLength: 6 }), (parts) => {
      const found = safePath(parts.join('/'))
      if (typeof found !== 'string') return
      expect(found.startsWith('/')).toBe(false)
      expect(found.split('/')).not.toContain('..')
      expect(safePath(found)).toBe(found)
    }),
  )
})
