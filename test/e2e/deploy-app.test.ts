/** `deploy <app>` as it is typed: an app that goes live through its runners, and one that is just files. */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createApp, type Files, type Result } from '../support/app.ts'
import { domainWith } from '../support/apps.ts'
import { temporaryDirectory } from '../support/context.ts'
import { createHost, run, type Host } from '../support/host.ts'
import { answering, DOMAIN, repoWith, SOON } from '../support/web.ts'

interface Setup {
  readonly host: Host
  readonly store: string
  /** Commits the files, and puts an artifact of them. */
  readonly publish: (version: string, files: Files) => Promise<string>
  readonly deploy: (...args: string[]) => Promise<Result>
}

async function setup(
  target: string,
  { artifacts, ...main }: { artifacts?: object; fleet?: object } = {},
  sign?: string,
): Promise<Setup> {
  const store = await temporaryDirectory()
  const host = await createHost({ artifacts: { store, ...artifacts }, ...main })
  const app = await createApp({ 'package.json': '{"name": "web"}' })
  const succeed = async (...args: string[]): Promise<void> => {
    const { status, stdout, stderr } = await host.pypaas('artifact', ...args)
    if (status !== 0) throw new Error(`${stdout}\n${stderr}`)
  }
  return {
    host,
    store,
    async publish(version, files) {
      const commit = await app.commit(files, `version ${version}`)
      const output = await temporaryDirectory()
      await succeed('build', '--version', version, '--output', output, app.dir)
      const [made = ''] = await readdir(output)
      if (sign !== undefined) await succeed('sign', join(output, made), '--key', sign)
      await succeed('put', 'web', version, join(output, made), '--target', target)
      return commit
    },
    deploy: (...args) => host.pypaas('deploy', 'web', ...args),
  }
}

test('an artifact goes live through the runners of the repo, is gone back from, and pushed over', async () => {
  const { host, store, publish, deploy } = await setup('main')
  await host.configure('repos/web.yml', repoWith({ env: { COLOUR: 'blue' } }))
  await host.configure(`domains/${DOMAIN}.yml`, domainWith('web'))
  await host.configureMain({ artifacts: { store }, apps: { web: { values: { greeting: 'hello' } } } })
  await host.serve()
  const server = `
import { createServer } from 'node:http'
import { readFileSync } from 'node:fs'
const text = readFileSync('greeting.txt', 'utf8')
createServer((request, response) => response.end(text)).listen(process.env.PORT, '127.0.0.1')
`
  const template = 'deploy/templates/greeting.txt'
  const files = { 'server.mjs': server, [template]: '{{greeting}} {{version}} {{env.COLOUR}}' }
  const commit = await publish('1.0', {
    ...files,
    'deploy/hooks/prepare': { content: '#!/bin/sh\necho "prepared $PYPAAS_VERSION"\n', mode: 0o755 },
    'deploy/hooks/deployed': { content: '#!/bin/sh\necho "told of $PYPAAS_VERSION"\n', mode: 0o755 },
  })

  const none = await deploy()
  expect(none.status).toBe(2)
  expect(none.stderr).toContain('give --target with one of: main')
  const first = await deploy('--target', 'main')
  expect(first, first.stdout).toMatchObject({ status: 0, stderr: '' })
  expect(first.stdout).toMatch(/-----> Preparing\n[^]*prepared 1\.0\n[^]*-----> Live[^]*\ntold of 1\.0$/)
  expect((await host.get(DOMAIN)).body).toBe('hello 1.0 blue')
  await publish('1.1', { ...files, 'deploy/hooks/prepare': undefined, 'deploy/hooks/deployed': undefined })
  expect((await deploy('--target', 'main')).status).toBe(0)
  expect((await host.get(DOMAIN)).body).toBe('hello 1.1 blue')

  const kept = JSON.parse((await deploy('--target', 'main', '--list', '--json')).stdout) as object[]
  expect(kept).toMatchObject([
    { version: '1.1', live: true },
    { version: '1.0', live: false, commit, subject: 'version 1.0' },
  ])
  const [record] = JSON.parse((await host.pypaas('deploys', 'web', 'main', '--json')).stdout) as object[]
  expect(record).toMatchObject({ kind: 'install', source: 'artifact:web/main@1.1', result: 'succeeded' })

  const back = await deploy('--target', 'main', '--rollback')
  expect(back.status).toBe(0)
  expect(back.stdout).toMatch(/told of 1\.0$/)
  expect((await host.get(DOMAIN)).body).toBe('hello 1.0 blue')
  // There is no commit of it here to build.
  const rebuilt = await host.pypaas('rebuild', 'web', 'main')
  expect(rebuilt.status).toBe(1)
  expect(rebuilt.stderr).toContain('web main came from artifact:web/main@1.0')
  expect((await host.pypaas('restart', 'web', 'main')).status).toBe(0)
  expect((await host.get(DOMAIN)).body).toBe('hello 1.0 blue')

  const pushed = await host.app({ 'server.mjs': answering('pushed') })
  expect((await pushed.git('push', host.url('web'), 'main')).status).toBe(0)
  expect((await host.get(DOMAIN)).body).toBe('pushed')
  const over = await host.ssh('deploy', 'web', '--target', 'main', '--version', '1.1')
  expect(over, over.stderr).toMatchObject({ status: 0 })
  expect((await host.get(DOMAIN)).body).toBe('hello 1.1 blue')
  // The branch is where it was pushed to.
  const heads = (await pushed.git('ls-remote', host.url('web'))).stdout
  expect(heads).toContain((await pushed.git('rev-parse', 'HEAD')).stdout)
})

test('a version that does not start leaves the former one live, and is told of', async () => {
  const { host, publish, deploy } = await setup('main')
  await host.configure('repos/web.yml', repoWith({}, { health: { timeout: 5 } }))
  await host.configure(`domains/${DOMAIN}.yml`, domainWith('web'))
  await host.serve()
  await publish('1', { 'server.mjs': answering('one') })
  expect((await deploy('--target', 'main')).status).toBe(0)
  await publish('2', { 'server.mjs': 'process.exit(1)' })
  expect((await deploy('--target', 'main')).status).toBe(1)
  expect((await host.get(DOMAIN)).body).toBe('one')
  expect(await readdir(host.paths.app({ app: 'web', target: 'main' }).root)).not.toContain('pending.json')
  await publish('3', { 'server.mjs': answering('three') })
  expect((await deploy('--target', 'main')).status).toBe(0)
  expect((await host.get(DOMAIN)).body).toBe('three')
})

test('a host of a fleet says what it deployed, and that is not removed from the repository', async () => {
  const { host, publish, deploy } = await setup('main', { fleet: { host: 'one' } })
  await host.configure('repos/web.yml', repoWith({}))
  await host.configure(`domains/${DOMAIN}.yml`, domainWith('web'))
  await host.serve()
  const reported = async (): Promise<unknown> =>
    JSON.parse((await host.pypaas('fleet', 'status', 'web', '--json')).stdout) as unknown
  for (const version of ['1', '2', '3']) {
    await publish(version, { 'server.mjs': answering(version) })
    expect((await deploy('--target', 'main')).status).toBe(0)
    expect(await reported()).toMatchObject(healthy(version))
  }
  // A rollback that knows nothing of apps is told of when its former release has ended.
  expect((await host.ssh('rollback', 'web', 'main')).status).toBe(0)
  await expect.poll(reported, SOON).toMatchObject(healthy('2'))
  const { stdout } = await host.pypaas('artifact', 'gc', '--max-versions', '1', '--json')
  expect(JSON.parse(stdout)).toMatchObject({ removed: [{ app: 'web', version: '1' }] })
  expect((await deploy('--target', 'main', '--version', '2')).status).toBe(0)
  expect((await deploy('--target', 'main', '--remove')).stderr).toContain('goes live through the runners')
})

test('an app without runners is files below a link', async () => {
  const { host, store, publish, deploy } = await setup('master', { fleet: { host: 'one' } })
  const live = join(host.paths.app({ app: 'web', target: 'master' }).live, 'page')
  expect((await deploy('--list')).stdout).toBe('no version of web master is on this host')
  for (const version of ['1', '2']) {
    await publish(version, { page: version })
    const deployed = await deploy()
    expect(deployed, deployed.stderr).toMatchObject({ status: 0, stderr: '' })
    expect(await readFile(live, 'utf8')).toBe(version)
  }
  expect((await deploy('--list')).stdout).toMatch(
    /^\* {2}2 {2}[0-9a-f]{11} {2}\S+ {2}\S+Z {2}version 2\n {3}1 {2}.* {2}version 1$/,
  )
  expect((await deploy()).stdout).toBe('web master 2 is live already')
  const back = await deploy('--rollback', '--json')
  expect(JSON.parse(back.stdout)).toMatchObject({ version: '1', live: true })
  expect(await readFile(live, 'utf8')).toBe('1')
  expect((await host.pypaas('fleet', 'status')).stdout).toMatch(
    /^web\/master: newest 2\n {4}one {2}1 {2}healthy/,
  )
  expect((await deploy('--rollback', '--version', '2')).status).toBe(0)
  expect(await readFile(live, 'utf8')).toBe('2')
  // Without the store there is nobody to be told; what was asked for is done all the same.
  await host.configureMain({ fleet: { host: 'one' } })
  const untold = await deploy('--rollback', '--version', '1')
  expect(untold, untold.stderr).toMatchObject({ status: 0 })
  expect(untold.stdout).toContain('the fleet has not been told: no place is configured')
  await host.configureMain({ artifacts: { store }, fleet: { host: 'one' } })
  expect((await deploy('--remove', '--version', '2')).stderr).toContain('--remove stands alone')
  expect(await deploy('--remove')).toMatchObject({ status: 0, stdout: 'removed web master: 1, 2' })
  expect(await readdir(join(host.paths.home, 'apps/web'))).toEqual(['.lock'])
  expect((await host.pypaas('fleet', 'status')).stdout).toBe('no host has reported anything yet')
  expect((await deploy('--remove')).stderr).toContain('no version of web master is on this host')
  expect((await deploy()).status).toBe(0)
})

test('with allowed signers, what is not signed or was altered is refused, and nothing of it is unpacked', async () => {
  const keys = await temporaryDirectory()
  const key = join(keys, 'ci')
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', key])
  const signers = join(keys, 'signers')
  await writeFile(signers, `ci@example.com ${await readFile(`${key}.pub`, 'utf8')}`)
  const { host, store, publish, deploy } = await setup(
    'master',
    { artifacts: { allowed_signers: signers } },
    key,
  )
  await publish('1', { page: 'one' })
  expect(await deploy()).toMatchObject({ status: 0, stderr: '' })

  const unsigned = join(await temporaryDirectory(), 'web.tar.gz')
  await run('tar', ['-czf', unsigned, '-C', keys, 'signers'])
  await host.pypaas('artifact', 'put', 'web', '2', unsigned)
  const refused = await deploy()
  expect(refused.status).toBe(3)
  expect(refused.stderr).toContain('the artifact is not signed, and this host takes only signed ones')

  // Whoever can write the repository: what was signed as version 1, and its signature, as version 3.
  const at = (name: string) => join(store, 'web/master/web.tar.gz', name)
  await writeFile(at('3'), await readFile(at('1')))
  await writeFile(at('3.meta'), await readFile(at('1.meta')))
  const passedOff = await deploy('--version', '3')
  expect(passedOff.status).toBe(3)
  expect(passedOff.stderr).toContain("the repository's web.tar.gz 3 of web is web 1 by its info.json")

  await writeFile(at('4'), await readFile(at('2')))
  await writeFile(
    at('4.meta'),
    JSON.stringify({ ...(await metaAt(at('2.meta'))), ...(await signatureAt(at('1.meta'))) }),
  )
  const altered = await deploy('--version', '4')
  expect(altered.status).toBe(3)
  const places = host.paths.app({ app: 'web', target: 'master' })
  expect(await readdir(places.versions)).toEqual(['1'])
  expect(await readFile(join(places.live, 'page'), 'utf8')).toBe('one')
})

test('what is typed wrongly is answered with what is right', async () => {
  const { host, deploy } = await setup('master')
  const wrong = async (...args: string[]): Promise<[number, string]> => {
    const { status, stderr } = await deploy(...args)
    return [status, stderr]
  }
  expect(await wrong('--list', '--rollback')).toEqual([2, expect.stringContaining('--list stands alone')])
  expect(await wrong('--version', '../1')).toEqual([
    2,
    expect.stringContaining('cannot be the name of a version'),
  ])
  expect(await wrong('--target', '..')).toEqual([
    2,
    expect.stringContaining('cannot be the name of a target'),
  ])
  expect(await wrong()).toEqual([1, expect.stringContaining('there is no web/master/web.tar.gz')])
  expect(await wrong('--store', '/elsewhere')).toEqual([
    2,
    expect.stringContaining("unknown option '--store'"),
  ])
  expect(await wrong('--rollback')).toEqual([
    1,
    expect.stringContaining('web master: there is no kept version before the live one'),
  ])
  // A mistake in the file of its repo does not make files of an app with runners.
  await host.configure('repos/web.yml', 'branches: 7\n')
  expect(await wrong()).toEqual([
    2,
    expect.stringContaining('the configuration of the repo web has mistakes'),
  ])
})

/** What the fleet is told of the only host. */
function healthy(version: string): object[] {
  return [{ app: 'web', target: 'main', hosts: [{ host: 'one', version, health: 'healthy', turn: 'none' }] }]
}

async function metaAt(path: string): Promise<object> {
  return JSON.parse(await readFile(path, 'utf8')) as object
}

async function signatureAt(path: string): Promise<object> {
  const { signature } = (await metaAt(path)) as { signature: string }
  return { signature }
}

test('a target that another branch pulls is not installed by hand: it is said how to look now', async () => {
  const { host, deploy } = await setup('master')
  await host.configure('repos/web.yml', repoWith({ source: { remote: 'artifact:web/master' } }))
  const pulled = await deploy()
  expect(pulled.status).toBe(2)
  expect(pulled.stderr).toContain('its branch main pulls it by itself; `pull web main` looks now')
  await host.configure('repos/web.yml', repoWith({ source: { remote: 'artifact:other/master' } }))
  expect((await deploy()).stderr).toContain('give --target with one of: main')
})
