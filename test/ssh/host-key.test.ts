import ssh2 from 'ssh2'
import { expect, test } from 'vitest'
import { generateHostKey } from '../../src/ssh/host-key.ts'

test('every host key that is made can be read again', () => {
  // One in 256 could not be, as ssh2 makes them.
  const made = Array.from({ length: 1500 }, () => ssh2.utils.parseKey(generateHostKey()))
  expect(made.filter((key) => key instanceof Error)).toEqual([])
})
