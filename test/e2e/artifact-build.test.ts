/** `artifact build`, `sign`, `verify` and `clean-cache` as they are typed. */
import { execFile } from 'node:child_process'
import { appendFile, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { execa } from 'execa'
import { expect, onTestFinished, test } from 'vitest'
import { isRunning } from '../../src/system/process-table.ts'
import { createApp, type Result } from '../support/app.ts'
import { temporaryDirectory } from '../support/context.ts'
import { PYPAAS, run as outcome } from '../support/host.ts'
import { SOON } from '../support/web.ts'

const run = promisify(execFile)

/** Runs pypaas in a directory, on a home without any configuration. */
async function shell(cwd: string): Promise<(...args: string[]) => Promise<Result>> {
  const home = await temporaryDirectory()
  return async (...args) => {
    const argv = [PYPAAS, '--home', home, 'artifact', ...args]
    const { exitCode, stdout, stderr } = await execa(process.execPath, argv, {
      cwd,
      reject: false,
      stdin: 'ignore',
    })
    return { status: exitCode ?? 255, stdout, stderr }
  }
}

test('a working copy becomes an artifact, which is signed, checked, and installed by hand', async () => {
  const app = await createApp({
    'hello.txt': 'hello\n',
    'scripts/build.sh': 'tr a-z A-Z < hello.txt > HELLO\n',
  })
  await app.git('tag', 'v1.0')
  const artifact = await shell(app.dir)
  const keys = await temporaryDirectory()
  await outcome('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'ci', '-f', join(keys, 'ci')])
  await writeFile(join(keys, 'allowed'), `ci@example.com ${await readFile(join(keys, 'ci.pub'), 'utf8')}`)

  const built = await artifact('build', '--sign', join(keys, 'ci'))
  const [file] = (await readdir(join(app.dir, 'dist'))).filter((name) => name.endsWith('.tar.gz'))
  const path = join(app.dir, 'dist', file ?? '')
  expect(built.stdout.split('\n')).toEqual([
    path,
    expect.stringMatching(/^\d+(\.\d)? (B|KiB), SHA-256 [0-9a-f]{64}, in \d+(\.\d)? s$/),
    `signed: ${path}.sig`,
  ])
  const { stdout: sum } = await run('sha256sum', [path])
  expect(built.stdout).toContain(sum.slice(0, 64))

  const verified = await artifact('verify', path, '--allowed-signers', join(keys, 'allowed'), '--json')
  expect(JSON.parse(verified.stdout)).toMatchObject({
    version: '1.0',
    signer: 'ci@example.com',
    sha256: sum.slice(0, 64),
  })

  // As documented for hosts without pypaas.
  const host = await temporaryDirectory()
  await run('tar', ['-xzf', path, '--strip-components=1'], { cwd: host })
  await run('./install.sh', [join(host, 'versions', '1.0')], { cwd: host })
  expect(await readFile(join(host, 'versions', '1.0', 'HELLO'), 'utf8')).toBe('HELLO\n')

  await appendFile(path, 'altered')
  const altered = await artifact('verify', path, '--allowed-signers', join(keys, 'allowed'))
  expect(altered).toMatchObject({ status: 3, stdout: '' })
  expect(altered.stderr).toContain('is not what ci@example.com signed')
})

test('the report can be read by programs, and the formats by their names', async () => {
  const app = await createApp({ file: 'x' })
  const artifact = await shell(app.dir)
  for (const format of ['zip', 'tar.bz2']) {
    const { stdout } = await artifact('build', '--format', format, '--version', '2.0', '--json')
    const report = JSON.parse(stdout) as { path: string }
    expect(report).toMatchObject({ version: '2.0', size: expect.any(Number) as number })
    expect(report.path.endsWith(`.${format}`)).toBe(true)
    const verified = await artifact('verify', report.path)
    expect(verified.stdout).toContain('not signed')
  }
  expect((await artifact('clean-cache')).stdout).toMatch(/^\d+(\.\d)? \w+ freed$/)
})

test('a build that is ended leaves no process, no artifact, and none of its files', async () => {
  const app = await createApp({ 'scripts/build.sh': 'echo $$ begun; sleep 600\n' })
  const home = await temporaryDirectory()
  const argv = [PYPAAS, '--home', home, 'artifact', 'build', app.dir, '--output', join(home, 'dist')]
  const building = execa(process.execPath, argv, { reject: false, stdin: 'ignore' })
  onTestFinished(async () => {
    building.kill('SIGTERM')
    await building
  })
  let said = ''
  building.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  await expect.poll(() => said, SOON).toMatch(/^\d+ begun$/m)
  const script = /^(\d+) begun$/m.exec(said)?.[1]
  building.kill('SIGTERM')
  expect((await building).exitCode).toBe(1)
  await expect.poll(() => readdir('/proc'), SOON).not.toContain(script)
  expect(await readdir(join(home, 'cache', 'artifacts', 'work'))).toEqual([expect.stringMatching(/\.lock$/)])
  expect(await readdir(home)).toEqual(['cache'])
})

test('what a build that was killed has left running is ended by the next one', async () => {
  const app = await createApp({ 'scripts/build.sh': '[ -e "$HOME/go" ] || { echo $$ begun; sleep 600; }\n' })
  const home = await temporaryDirectory()
  const argv = [PYPAAS, '--home', home, 'artifact', 'build', app.dir, '--output', join(home, 'dist')]
  const building = execa(process.execPath, argv, { reject: false, stdin: 'ignore' })
  let script = 0
  onTestFinished(async () => {
    building.kill('SIGKILL')
    await building
    if (script > 0 && isRunning(script)) process.kill(script)
  })
  let said = ''
  building.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  await expect.poll(() => said, SOON).toMatch(/^\d+ begun$/m)
  script = Number(/^(\d+) begun$/m.exec(said)?.[1])
  building.kill('SIGKILL')
  await building
  expect(isRunning(script)).toBe(true)
  await writeFile(join(home, 'go'), '')
  const next = await outcome(process.execPath, argv)
  expect(next, next.stderr).toMatchObject({ status: 0 })
  expect(isRunning(script)).toBe(false)
})

test('what is typed wrongly is answered with what is right', async () => {
  const app = await createApp({ file: 'x' })
  const artifact = await shell(app.dir)
  const wrong = async (...args: string[]): Promise<[number, string]> => {
    const { status, stderr } = await artifact(...args)
    return [status, stderr]
  }
  expect(await wrong('build', '--format', 'rar')).toEqual([
    2,
    'pypaas: there is no format "rar"\n        formats: tar.gz, tar.bz2, tar, zip, dir',
  ])
  expect(await wrong('build', '--version', 'latest')).toEqual([
    2,
    expect.stringContaining('cannot be a version'),
  ])
  const nowhere = join(app.dir, 'file')
  for (const output of ['file', 'file/below'])
    expect(await wrong('build', '--output', output)).toEqual([
      2,
      expect.stringMatching(/pypaas: \S+ is no directory\n/),
    ])
  expect(await wrong('build', '--sign', `${nowhere}.key`)).toEqual([
    2,
    expect.stringContaining(`pypaas: there is no key ${nowhere}.key`),
  ])
  expect(await wrong('verify', 'file', '--signature', 'nothing')).toEqual([
    2,
    expect.stringContaining('there is no signature nothing'),
  ])
  expect(await wrong('sign', 'file')).toEqual([2, expect.stringContaining('with which key?')])
  expect(await wrong('verify', 'nothing')).toEqual([2, expect.stringContaining('there is no file nothing')])
  expect(await wrong('verify', 'file')).toEqual([1, expect.stringContaining('is no archive')])
})
