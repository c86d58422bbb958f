/** The configuration, for any YAML: loading never throws, and every problem has its place in the file. */
import { join } from 'node:path'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { loadConfig } from '../../src/config/load.ts'
import { temporaryDirectory } from '../support/context.ts'
import { DOMAIN, MAIN, REPO, writeConfig } from '../config/files.ts'

/** Keys that mean something, and some that do not. */
const KEYS = (
  'ports min max ssh listen nginx mode http services releases keep builds disk branches main runners web type cmd ' +
  'process_count health path status env hooks build custom_cmds strategy locations / upstream repo branch runner ssl brnaches'
).split(' ')
const VALUES = 'NginxBackend NginxStatic managed system app main web 127.0.0.1:80 1GiB ..'.split(' ')

const { document } = fc.letrec<{ document: unknown; leaf: unknown }>((tie) => ({
  leaf: fc.oneof(
    fc.constantFrom(...VALUES),
    fc.constantFrom(null, true, false, 0, -1, 1, 80, 61_500, 1.5, 1e300),
    fc.string({ unit: 'grapheme', maxLength: 8 }),
  ),
  document: fc.oneof(
    { depthSize: 'medium', maxDepth: 6 },
    tie('leaf'),
    fc.array(tie('document'), { maxLength: 3 }),
    fc.dictionary(fc.oneof(fc.constantFrom(...KEYS), fc.string({ maxLength: 4 })), tie('document'), {
      maxKeys: 5,
    }),
  ),
}))
/** Documents, and texts that need be no YAML. */
const text = fc.oneof(
  document.map((value) => stringify(value)),
  fc.string({ unit: fc.constantFrom(...'ab: -[]{}\n\t"\'&*!|>%#@`,?1'.split('')), maxLength: 40 }),
)

test('any three files are loaded without throwing, and each problem is at a place of a file', async () => {
  const dir = await temporaryDirectory()
  await fc.assert(
    fc.asyncProperty(text, text, text, fc.nat(3), async (main, repo, domain, right) => {
      // Mostly one of them is wrong, so that the rules across files are reached.
      const files = {
        'pypaas.yml': right === 1 ? main : MAIN,
        'repos/app.yml': right === 2 ? repo : REPO,
        'domains/app.test.yml': right === 3 ? domain : DOMAIN,
      }
      if (right === 0)
        Object.assign(files, { 'pypaas.yml': main, 'repos/app.yml': repo, 'domains/app.test.yml': domain })
      await writeConfig(dir, files)
      const { problems, main: settings } = await loadConfig(dir)
      expect(settings.ports.min).toBeLessThanOrEqual(settings.ports.max)
      for (const { file, line, column } of problems) {
        const content = Object.entries(files).find(([name]) => join(dir, name) === file)?.[1]
        expect(content, file).toBeDefined()
        const lines = content?.split('\n') ?? []
        expect(
          line === undefined || (line >= 1 && line <= Math.max(1, lines.length)),
          `${file}:${line}`,
        ).toBe(true)
        expect(column === undefined || column >= 1, `${file}:${line}:${column}`).toBe(true)
      }
    }),
    { numRuns: 300 },
  )
})
