import { access, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { domainWith, httpServer, repoWithRunners } from '../support/apps.ts'
import { createHost, type Host } from '../support/host.ts'
import { tracesOf, workersIn } from '../support/traces.ts'
import { SOON } from '../support/web.ts'

const web = { type: 'NginxBackend', cmd: 'node server.mjs' }

/** A host with the repos `foo` and `foobar`, each with two branches, all live, and with a domain for each `main`. */
async function liveHost(): Promise<Host> {
  const host = await createHost()
  for (const repo of ['foo', 'foobar']) {
    await host.configure(`repos/${repo}.yml`, {
      branches: { main: { runners: { web } }, 'main-2': { runners: { web } } },
    })
    await host.configure(`domains/${repo}.test.yml`, domainWith(repo))
  }
  await host.serve()
  for (const repo of ['foo', 'foobar']) {
    const app = await host.app({ 'server.mjs': httpServer(`'${repo}'`) })
    const pushed = await app.git('push', host.url(repo), 'main', 'main:main-2')
    expect(pushed.status).toBe(0)
  }
  return host
}

/** Lines of processes, ports and files that are about a branch. What was deployed when stays on record. */
function about(text: readonly string[], repo: string, branch: string): string[] {
  const lines = text.filter((line) => !/^state\/.*\/(lock|deploys)$/.test(line))
  return lines.filter(
    (line) => line.includes(`/${repo}/${branch}/`) || line.includes(`"${repo}","branch":"${branch}"`),
  )
}

async function remove(host: Host, ...files: string[]): Promise<void> {
  for (const file of files) await rm(join(host.home, 'config', file))
}

test('cleanup removes what is no longer configured, and nothing else', async () => {
  const host = await liveHost()
  const before = await tracesOf(host)
  expect(await host.pypaas('cleanup')).toEqual({ status: 0, stdout: 'nothing to remove', stderr: '' })
  expect(await tracesOf(host)).toEqual(before)

  // A branch of one repo goes, and all of the other.
  await host.configure('repos/foobar.yml', repoWithRunners({ web }))
  await remove(host, 'repos/foo.yml', 'domains/foo.test.yml')
  const shown = await host.pypaas('cleanup', '--dry-run')
  expect(shown.stdout.split('\n')).toEqual([
    expect.stringMatching(/^would remove foo main: 1 release, 1 checkout, 1 port \(\d+\)$/),
    expect.stringMatching(/^would remove foo main-2: 1 release, 1 checkout, 1 port \(\d+\)$/),
    expect.stringMatching(/^would remove foobar main-2: 1 release, 1 checkout, 1 port \(\d+\)$/),
  ])
  const after = await tracesOf(host)
  expect([after.files, after.ports, after.processes]).toEqual([before.files, before.ports, before.processes])

  const removed = await host.pypaas('cleanup')
  expect(removed.stdout).toBe(shown.stdout.replaceAll('would remove', 'removed'))
  expect([removed.status, removed.stderr]).toEqual([0, ''])
  const { files, ports, processes, nginx } = await tracesOf(host)
  const gone = [
    ['foo', 'main'],
    ['foo', 'main-2'],
    ['foobar', 'main-2'],
  ] as const
  for (const [repo, branch] of gone) {
    expect(about([...files, ...processes, ...ports], repo, branch)).toEqual([])
    // Its services are gone for good: not only stopped.
    expect(
      (await readdir(host.paths.services)).filter((name) => name.startsWith(`${repo}+${branch}+`)),
    ).toEqual([])
  }
  // Whatever nginx's files are called, `foo` is in none of them.
  const texts = Object.entries(nginx).map(([name, text]) => `${name} ${text}`)
  expect(texts.filter((text) => /\bfoo\b/.test(text))).toEqual([])
  for (const [now, then] of [
    [files, before.files],
    [processes, before.processes],
  ] as const) {
    expect(about(now, 'foobar', 'main')).toEqual(about(then, 'foobar', 'main'))
  }
  expect((await host.get('foobar.test')).body).toBe('foobar')
  await expect(host.get('foo.test')).rejects.toThrow('socket hang up')
  // The source is nobody's leftover.
  await access(join(host.paths.repo('foo'), 'HEAD'))
  expect((await host.pypaas('cleanup')).stdout).toBe('nothing to remove')

  // Configured again, it comes from there.
  await host.configure('repos/foo.yml', repoWithRunners({ web }))
  await host.configure('domains/foo.test.yml', domainWith('foo'))
  expect((await host.pypaas('rebuild', 'foo', 'main')).status).toBe(0)
  expect((await host.get('foo.test')).body).toBe('foo')
  expect(await host.stop()).toEqual([])
})

test('cleanup removes nothing while a file of the configuration cannot be read', async () => {
  const host = await liveHost()
  const before = await tracesOf(host)
  await remove(host, 'repos/foobar.yml', 'domains/foobar.test.yml')
  await host.configure('repos/foo.yml', 'branches: {main: {runners: {web: {type: NginxBackend')
  const refused = await host.pypaas('cleanup')
  expect(refused).toEqual({
    status: 2,
    stdout: '',
    stderr: `pypaas: the configuration in ${join(host.home, 'config')} has mistakes, so that nothing is removed\n        \`pypaas check\` shows them`,
  })
  const { files, ports, processes } = await tracesOf(host)
  expect([files, ports, processes]).toEqual([before.files, before.ports, before.processes])
  expect((await host.get('foo.test')).body).toBe('foo')
  expect(await host.stop()).toEqual([])
})

test('cleanup reports what it removed for programs, too', async () => {
  const host = await liveHost()
  await remove(host, 'repos/foo.yml', 'domains/foo.test.yml')
  const report = JSON.parse((await host.pypaas('cleanup', '--json')).stdout) as {
    removed: boolean
    leftovers: { repo: string; branch: string }[]
  }
  expect(report.removed).toBe(true)
  expect(report.leftovers).toEqual([
    {
      repo: 'foo',
      branch: 'main',
      releases: [expect.any(String)],
      checkouts: [expect.any(String)],
      ports: [expect.any(Number)],
      legacyServices: [],
    },
    {
      repo: 'foo',
      branch: 'main-2',
      releases: [expect.any(String)],
      checkouts: [expect.any(String)],
      ports: [expect.any(Number)],
      legacyServices: [],
    },
  ])
  await expect.poll(() => workersIn(host.home, [join(host.paths.checkouts, 'foo')]), SOON).toEqual([])
  expect(await readFile(host.paths.ports, 'utf8')).not.toContain('"foo"')
  expect(await host.stop()).toEqual([])
})
