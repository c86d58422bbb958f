import { expect, test } from 'vitest'
import { normalizeArtifacts, parseStore } from '../../src/config/normalize-artifacts.ts'
import { MAIN, problemsIn } from './files.ts'

test('a store is a directory or a place in S3', () => {
  expect(parseStore('/srv/artifacts')).toEqual({ kind: 'directory', path: '/srv/artifacts' })
  expect(parseStore('s3://releases')).toEqual({ kind: 's3', bucket: 'releases', prefix: '' })
  expect(parseStore('s3://releases/a/b/')).toEqual({ kind: 's3', bucket: 'releases', prefix: 'a/b' })
  for (const wrong of ['srv', 's3:/x', 's3://', 's3://x', 's3://releases/../x', 'gs://releases', '']) {
    expect(parseStore(wrong)).toBeUndefined()
  }
})

test('what is not configured is left to the AWS SDK', () => {
  const { s3, store, allowedSigners } = normalizeArtifacts({ s3: { path_style: false } })
  expect([store, allowedSigners, s3.endpoint, s3.pathStyle]).toEqual([undefined, undefined, undefined, false])
})

const problemsOf = (text: string) => problemsIn({ 'pypaas.yml': `${MAIN}artifacts:\n${text}` })

test('what is wrong in it is told where it is', async () => {
  expect(await problemsOf('  store: releases\n')).toEqual([
    'pypaas.yml:3:10: artifacts.store: expected an absolute path, or `s3://bucket/prefix`',
  ])
  expect(await problemsOf('  allowed_signers: signers\n')).toEqual([
    'pypaas.yml:3:20: artifacts.allowed_signers: expected the absolute path of a file',
  ])
  expect(await problemsOf('  s3: {endpoint: s3.example.com}\n')).toEqual([
    'pypaas.yml:3:18: artifacts.s3.endpoint: expected a URL such as `https://s3.example.com`',
  ])
  const [alone] = await problemsOf('  s3: {access_key: AKIA}\n')
  expect(alone).toContain('artifacts.s3: `access_key` and `secret_key` belong together')
})
