/** Changes of a branch while another one is at work: who waits, for whom, and who comes next. */
import { readFile, rm } from 'node:fs/promises'
import { getPriority } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { listRecords } from '../../src/deploy/journal.ts'
import type { RunningGit } from '../support/app.ts'
import { begun, holding, release } from '../support/hold.ts'
import { leftovers } from '../support/host.ts'
import { answering, createSite, DOMAIN, liveSite, repoWith, SOON, type Site } from '../support/web.ts'

const main = { repo: 'web', branch: 'main' }

/** A site on which the push of `two` is in the middle of its build. Later builds go on once they may. */
async function building(): Promise<Site & { first: RunningGit }> {
  const site = await liveSite()
  const { host, app, configure } = site
  await configure({ hooks: { build: holding('build') } })
  await app.commit({ 'server.mjs': answering('two') })
  const first = app.start('push', host.url('web'), 'main')
  await begun(host, 'build')
  return { ...site, first }
}

const refOf = async ({ app, host }: Site): Promise<string | undefined> =>
  (await app.git('ls-remote', host.url('web'), 'main')).stdout.split('\t')[0]

/** Starts a push, and resolves once it waits. */
async function waiting({ app, host }: Site, option = '--quiet', branch = 'main'): Promise<RunningGit> {
  const push = app.start('push', option, host.url('web'), `${branch}:main`)
  await expect.poll(() => push.said(), SOON).toContain('-----> Waiting for')
  return push
}

test('of several pushes that wait the newest is deployed, and the others are told so', async () => {
  const site = await building()
  const { host, app, first } = site
  const waiters: RunningGit[] = []
  for (const version of ['three', 'four', 'five']) {
    // Each is made without all others, so that each could take the place of any other.
    await app.git('checkout', '-q', '--orphan', version)
    await app.commit({ 'server.mjs': answering(version) })
    waiters.push(await waiting(site, '--force', version))
  }
  const newest = (await app.git('rev-parse', 'HEAD')).stdout
  expect(waiters[0]?.said()).not.toContain('more before this push')
  expect(waiters[2]?.said()).toContain('; 2 more before this push')
  await release(host, 'build')
  expect((await first.ended).status).toBe(0)
  const [third, fourth, fifth] = await Promise.all(waiters.map(({ ended }) => ended))
  expect(fifth?.status, fifth?.stderr).toBe(0)
  for (const told of [third, fourth]) {
    expect(told?.status).toBe(1)
    expect(told?.stderr).toContain(
      ` !     superseded by the push of ${newest.slice(0, 11)} by alice, which is deployed instead`,
    )
    expect(told?.stderr).toContain('nothing is lost')
  }
  expect((await host.get(DOMAIN)).body).toBe('five')
  expect(await refOf(site)).toBe(newest)
  expect((await listRecords(host.paths, main)).map(({ result }) => result)).toEqual(
    Array.from({ length: 3 }, () => 'succeeded'),
  )
  expect(await host.stop()).toEqual([])
})

test('--wait gives up and names who holds the branch; without it a command waits', async () => {
  const { host, first } = await building()
  const busy =
    /^pypaas: web main is locked by push of web main \(\w{11}\) by alice \(process \d+, since \S+Z\)\n {8}try again when it has ended; without --wait, this waits for it$/
  for (const command of ['rebuild', 'restart', 'rollback']) {
    for (const seconds of ['0', '1']) {
      const answer = await host.ssh(command, 'web', 'main', '--wait', seconds)
      expect(answer.stderr).toMatch(busy)
      expect(answer.status).toBe(4)
    }
  }
  expect(await host.pypaas('restart', 'web', 'main', '--wait', 'long')).toMatchObject({
    status: 2,
    stderr: 'pypaas: --wait takes a number of seconds, not "long"',
  })
  // The branch is removed from the configuration while it is being deployed.
  await rm(join(host.home, 'config/repos/web.yml'))
  await rm(join(host.home, `config/domains/${DOMAIN}.yml`))
  const refused = await host.pypaas('cleanup', '--wait', '0')
  expect(refused.stderr).toMatch(busy)
  expect(refused.status).toBe(4)
  const cleanup = host.pypaas('cleanup')
  await release(host, 'build')
  await first.ended
  const cleaned = await cleanup
  expect(cleaned.stdout).toMatch(/^removed web main: \d releases?, \d checkouts?, \d ports? /)
  expect(cleaned.status).toBe(0)
  expect(await leftovers(host.paths.checkouts)).toEqual([])
  expect(await host.stop()).toEqual([])
})

test('no more builds run at once than builds.parallel, and at a lower priority than the apps', async () => {
  const names = ['a', 'b', 'c']
  const site = await createSite({ main: { builds: { parallel: 2 } } })
  const { host, app } = site
  // Field 19 of stat is the niceness (proc(5)).
  const build = `cut -d ' ' -f 19 "/proc/$$/stat" > "$HOME/nice"; ${holding('$(basename "$(dirname "$PWD")")')}`
  await host.configure('repos/web.yml', repoWith({ hooks: { build } }, {}, names))
  const pushes = new Map(names.map((name) => [name, app.start('push', host.url('web'), `main:${name}`)]))
  const waits = (): string[] =>
    names.filter((name) => /waiting for the build of web [abc]/.test(pushes.get(name)?.said() ?? ''))
  await expect.poll(waits, SOON).toHaveLength(1)
  const [last = ''] = waits()
  const running = names.filter((name) => name !== last)
  for (const name of running) await begun(host, name)
  await release(host, running[0] ?? '')
  expect((await pushes.get(running[0] ?? '')?.ended)?.status).toBe(0)
  // Whichever slot is free: the second build ends as well.
  await release(host, running[1] ?? '')
  await begun(host, last)
  await release(host, last)
  for (const push of pushes.values()) expect((await push.ended).status).toBe(0)
  expect(await readFile(join(host.home, 'nice'), 'utf8')).toBe('10\n')
  const [status] = JSON.parse((await host.pypaas('status', 'web', 'a', '--json')).stdout) as {
    processes: { pid: number }[]
  }[]
  expect(getPriority(status?.processes[0]?.pid)).toBe(getPriority())
  expect(await host.stop()).toEqual([])
})
