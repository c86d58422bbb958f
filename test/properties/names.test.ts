/** Names, for any names: injective, and safe as one component of a path. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { nextReleaseName, releaseIn } from '../../src/deploy/release-name.ts'
import { fileName, joinNames, nameOfFile } from '../../src/names.ts'
import { pathsOf } from '../../src/paths.ts'

/** Any text that UTF-8 can hold, with what is special in paths and in the encoding more often than by chance. */
const name = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1 }),
  fc.string({
    unit: fc.constantFrom('a', 'A', '.', '/', '-', '+', '%', '2', 'F', '_', ' ', '\n', 'é'),
    minLength: 1,
  }),
)
const commit = fc.stringMatching(/^[0-9a-f]{40}$/)
/** Four-digit years. */
const time = fc.date({ min: new Date('1970-01-02'), max: new Date('2999-01-01'), noInvalidDate: true })

test('a file name is read back as the name that it was made of', () => {
  fc.assert(
    fc.property(name, (text) => {
      expect(nameOfFile(fileName(text))).toBe(text)
    }),
  )
})

test('a file name is one visible component of a path', () => {
  fc.assert(
    fc.property(name, (text) => {
      expect(fileName(text)).toMatch(/^[A-Za-z0-9_%-][A-Za-z0-9._%-]*$/)
    }),
  )
})

test('different lists of names never meet in one joined name, whatever case a file system or nginx ignores', () => {
  const names = fc.array(name, { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(names, names, (one, other) => {
      const same = JSON.stringify(one) === JSON.stringify(other)
      expect(joinNames(...one).toLowerCase() === joinNames(...other).toLowerCase()).toBe(same)
    }),
  )
})

test('no name leads out of the home, or into another branch', () => {
  const paths = pathsOf('/home/deploy')
  fc.assert(
    fc.property(name, name, name, (repo, branch, checkout) => {
      const path = paths.checkout({ repo, branch }, checkout)
      expect(path.startsWith('/home/deploy/checkouts/')).toBe(true)
      expect(path.split('/')).toHaveLength(7)
    }),
  )
})

test('release names of any clock are new, sort in the order of the deploys, and are told from other files', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(time, commit), { minLength: 1, maxLength: 20 }), (deploys) => {
      const names: string[] = []
      for (const [now, id] of deploys) names.push(nextReleaseName(now, id, names))
      expect(new Set(names).size).toBe(names.length)
      expect(names.toSorted()).toEqual(names)
      for (const each of names) expect(releaseIn(`${each}.json`)).toBe(each)
    }),
  )
})
