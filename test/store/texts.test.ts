import { expect, test } from 'vitest'
import { progressLine } from '../../src/commands/artifact/progress.ts'
import { surplus } from '../../src/store/collect.ts'
import { parseAccountKey } from '../../src/store/s3-client.ts'
import { fromHeaders, toHeaders } from '../../src/store/s3-meta.ts'
import { withArmour, withoutArmour } from '../../src/store/signed.ts'
import { isTransient, persistently } from '../../src/store/transient.ts'

test('a bar shows how far a file has come, and when it will be there', () => {
  const GIB = 2 ** 30
  expect(progressLine(0, 2 * GIB, 0)).toBe('[------------------------]   0 %  0 B of 2.0 GiB')
  expect(progressLine(GIB, 2 * GIB, 10_000)).toBe(
    '[############------------]  50 %  1.0 GiB of 2.0 GiB  102 MiB/s  10 s left',
  )
  expect(progressLine(0, 0, 0)).toBe('[########################] 100 %  0 B of 0 B')
})

test('metadata comes back from headers as it was, and not more than they hold', () => {
  const meta = { message: 'Größe: 100 %\nand more', plain: 'a b', spaced: ' x ' }
  const headers = toHeaders(meta)
  expect(
    Object.values(headers).every((value) => /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value)),
  ).toBe(true)
  expect(fromHeaders(headers)).toEqual(meta)
  expect(fromHeaders({ foreign: '100 %' })).toEqual({ foreign: '100 %' })
  expect(() => toHeaders({ much: 'x'.repeat(2048) })).toThrow(/more than S3 keeps/)
  expect(() => toHeaders({ 'a\nb': 'x' })).toThrow(/cannot be the name/)
})

test('keys are read from the two lines of account-key', () => {
  const keys = { accessKey: 'AKIA', secretKey: 'a/b+c=' }
  expect(parseAccountKey('accessKey=AKIA\nsecretKey=a/b+c=\n')).toEqual(keys)
  expect(parseAccountKey('# mine\r\nsecretKey = a/b+c=\r\naccessKey = AKIA\r\n')).toEqual(keys)
  expect(parseAccountKey('accessKey=AKIA\n')).toBeUndefined()
})

test('a signature is kept on one line', () => {
  const body = 'U1NIU0lH'.repeat(30)
  const armoured = withArmour(body)
  expect(armoured).toMatch(/^-----BEGIN SSH SIGNATURE-----\n(?:.{1,70}\n)+-----END SSH SIGNATURE-----\n$/)
  expect(withoutArmour(armoured)).toBe(body)
})

test('the oldest versions are surplus, but not the latest nor what is live', () => {
  const versions = ['1', '2', '3', '4'].map((version) => ({
    version,
    latest: version === '2',
    size: 1,
    modified: new Date(0),
  }))
  const names = (keep: number, live: string[]) =>
    surplus(versions, keep, new Set(live)).map(({ version }) => version)
  expect(names(1, [])).toEqual(['1', '3'])
  expect(names(1, ['3'])).toEqual(['1'])
  expect(names(10, [])).toEqual([])
})

test('what passes by itself is tried again, and nothing else', async () => {
  const broken = Object.assign(new Error('gone'), { code: 'ECONNRESET' })
  expect([isTransient(broken), isTransient(new Error('no'))]).toEqual([true, false])
  expect(isTransient(Object.assign(new Error('busy'), { $metadata: { httpStatusCode: 503 } }))).toBe(true)
  let tries = 0
  const result = await persistently(
    () => (++tries < 3 ? Promise.reject(broken) : Promise.resolve('done')),
    undefined,
  )
  expect([result, tries]).toEqual(['done', 3])
  await expect(persistently(() => Promise.reject(new Error('no')), undefined)).rejects.toThrow('no')
})
