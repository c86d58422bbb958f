/** The repository of artifacts as its commands show it, in a directory. */
import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../support/context.ts'
import { PYPAAS, run } from '../support/host.ts'

interface Setup {
  readonly home: string
  readonly file: string
  readonly pypaas: (...args: string[]) => ReturnType<typeof run>
}

/** A home whose configuration names a directory, with these lines more. */
async function setup(...lines: string[]): Promise<Setup> {
  const home = await temporaryDirectory()
  await mkdir(join(home, 'config'))
  await mkdir(join(home, 'store'))
  const yaml = ['ports: {min: 1, max: 1}', 'artifacts:', `  store: ${home}/store`, ...lines, '']
  await writeFile(join(home, 'config', 'pypaas.yml'), yaml.join('\n'))
  const file = join(home, 'shop.tar.gz')
  await writeFile(file, 'built')
  return {
    home,
    file,
    pypaas: (...args) => run(process.execPath, [PYPAAS, '--home', home, 'artifact', ...args]),
  }
}

test('versions are put, listed, fetched and removed', async () => {
  const { home, file, pypaas } = await setup()
  expect((await pypaas('apps')).stdout).toBe(`there is nothing in ${home}/store yet`)
  for (const version of ['1.9', '1.10']) {
    const put = await pypaas('put', 'shop', version, file, '--meta', 'commit=c0ffee', 'branch=main')
    expect(put).toMatchObject({ status: 0, stderr: '' })
    expect(put.stdout).toMatch(new RegExp(`^shop ${version}: 5 B, SHA-256 [0-9a-f]{64}$`))
  }
  const older = await pypaas('put', 'shop', '1.8', file)
  expect(older.stdout).toMatch(/\nlatest is still 1\.10, which is newer$/)
  expect((await pypaas('versions', 'shop')).stdout).toMatch(
    /^ {3}1\.8 {3}5 B {2}\S+Z\n {3}1\.9 {3}5 B {2}\S+Z\n\* {2}1\.10 {2}5 B {2}\S+Z$/,
  )
  const meta = JSON.parse((await pypaas('meta', 'shop', '--json')).stdout) as { meta: { sha256: string } }
  expect(meta).toMatchObject({ version: '1.10', meta: { size: 5, commit: 'c0ffee', branch: 'main' } })
  expect(meta.meta.sha256).toBe(createHash('sha256').update('built').digest('hex'))

  const got = await pypaas('get', 'shop', '1.9', '--output', join(home, 'got'))
  expect(got).toMatchObject({ status: 0, stderr: '' })
  expect(await readFile(join(home, 'got'), 'utf8')).toBe('built')
  const beside = await pypaas('get', 'shop', '--output', join(home, 'config'))
  expect(beside.stdout).toContain(`shop 1.10: ${join(home, 'config', 'shop.tar.gz')}, 5 B`)
  expect(await readFile(join(home, 'config', 'shop.tar.gz'), 'utf8')).toBe('built')
  const names = [await pypaas('apps'), await pypaas('targets', 'shop'), await pypaas('files', 'shop')]
  expect(names.map(({ stdout }) => stdout)).toEqual(['shop', 'master', 'shop.tar.gz'])

  const planned = await pypaas('gc', '--max-versions', '1', '--dry-run')
  expect(planned.stdout).toMatch(/\nwould remove 2 versions \(10 B\)$/)
  expect((await pypaas('gc', 'shop', '--max-versions', '2')).stdout).toMatch(/\nremoved 1 version \(5 B\)$/)
  const removed = await pypaas('delete', 'shop', '1.10')
  expect(removed).toEqual({ status: 0, stdout: 'removed shop 1.10; latest is 1.9', stderr: '' })
})

test('of commands at once the later version is the latest', async () => {
  const { file, pypaas } = await setup()
  const puts = ['2', '10', '9', '1'].map((version) => pypaas('put', 'shop', version, file, '--json'))
  for (const put of await Promise.all(puts)) expect(put).toMatchObject({ status: 0, stderr: '' })
  expect((await pypaas('versions', 'shop')).stdout.match(/^\*.*$/gm)).toEqual([
    expect.stringMatching(/^\* {2}10 /),
  ])
})

test('another target, another file and another store are named by options', async () => {
  const { home, file, pypaas } = await setup()
  const elsewhere = await temporaryDirectory()
  const which = ['--target', 'staging', '--artifact', 'docs.zip', '--store', elsewhere]
  await pypaas('put', 'shop', '1', file, ...which)
  expect(await readFile(join(elsewhere, 'shop/staging/docs.zip/1'), 'utf8')).toBe('built')
  expect((await pypaas('versions', 'shop', ...which)).stdout).toMatch(/^\* {2}1 /)
  expect((await pypaas('versions', 'shop')).stdout).toBe(`there is no version of shop in ${home}/store`)
})

test('mistakes are told with what to do', async () => {
  const { home, file, pypaas } = await setup()
  const cases: [string[], number, RegExp][] = [
    [['put', 'shop', 'latest', file], 2, /"latest" cannot be a version\n/],
    [['put', '../etc', '1', file], 2, /"\.\.\/etc" cannot be the name of an app\n/],
    [['put', 'shop', '1', join(home, 'nothing')], 2, /nothing is no file\n/],
    [['put', 'shop', '1', file, '--meta', 'sha256=00'], 2, /cannot be kept as metadata\n/],
    [['get', 'shop'], 1, /there is no shop\/master\/shop\.tar\.gz in/],
    [['gc'], 2, /needs to know how many versions to keep\n/],
    [['apps', '--store', 'relative'], 2, /"relative" is no store\n/],
    [['apps', '--store', join(home, 'unmounted')], 2, /there is no directory .*unmounted/],
  ]
  for (const [args, status, message] of cases) {
    const failed = await pypaas(...args)
    expect(failed).toMatchObject({ status, stdout: '' })
    expect(failed.stderr).toMatch(message)
  }
})

test('with allowed signers only what one of them has signed is fetched, and only as it was', async () => {
  const signers = join(await temporaryDirectory(), 'signers')
  const { home, file, pypaas } = await setup(`  allowed_signers: ${signers}`)
  for (const name of ['alice', 'mallory']) {
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', join(home, name)])
  }
  await writeFile(signers, `alice@example.com ${await readFile(join(home, 'alice.pub'), 'utf8')}`)
  const into = join(home, 'got')

  await pypaas('put', 'shop', '1', file)
  const unsigned = await pypaas('get', 'shop', '--output', into)
  expect(unsigned).toMatchObject({ status: 3, stdout: '' })
  expect(unsigned.stderr).toContain('the artifact is not signed')

  const sign = (key: string) => pypaas('sign', file, '--key', join(home, key))
  expect(await sign('mallory')).toMatchObject({ status: 0 })
  await pypaas('put', 'shop', '2', file)
  expect((await pypaas('get', 'shop', '--output', into)).status).toBe(3)

  await run('rm', [`${file}.sig`])
  expect(await sign('alice')).toMatchObject({ status: 0 })
  expect(await pypaas('put', 'shop', '3', file)).toMatchObject({ status: 0, stderr: '' })
  const got = await pypaas('get', 'shop', '--output', into)
  expect(got).toMatchObject({ status: 0, stderr: '' })
  expect(got.stdout).toMatch(/, signed by alice@example\.com$/)

  // Whoever can write the store can make the checksum fit, but not the signature.
  await writeFile(file, 'evil')
  await run('rm', [`${file}.sig`])
  await pypaas('put', 'shop', '4', file)
  const at = (name: string) => join(home, 'store/shop/master/shop.tar.gz', name)
  const { signature } = JSON.parse(await readFile(at('3.meta'), 'utf8')) as { signature: string }
  const meta = JSON.parse(await readFile(at('4.meta'), 'utf8')) as object
  await writeFile(at('4.meta'), JSON.stringify({ ...meta, signature }))
  const evil = join(home, 'evil')
  expect((await pypaas('get', 'shop', '4', '--output', evil)).status).toBe(3)
  await expect(readFile(evil)).rejects.toThrow(/ENOENT/)
})
