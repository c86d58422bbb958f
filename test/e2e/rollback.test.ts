/** Going back to a kept release: what runs then, and with which settings. */
import { rm } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { listReleases, liveRelease } from '../../src/system/state.ts'
import { httpServer } from '../support/apps.ts'
import { startLoad, textsOf } from '../support/load.ts'
import { DOMAIN, liveSite, type Site } from '../support/web.ts'

const main = { repo: 'web', branch: 'main' }

/** Answers `<version> <GREETING>`. */
function versioned(version: string): string {
  return httpServer(`'${version} ' + process.env.GREETING`)
}

/** `one`, `two` and `three` have been live, each with a greeting and a number of processes of its own. */
async function threeReleases(): Promise<Site & { commits: string[] }> {
  const site = await liveSite({
    branch: { env: { GREETING: 'hello' }, hooks: { before_build: 'echo built >> "$HOME/builds"' } },
    files: { 'server.mjs': versioned('one') },
  })
  const commits = [(await site.app.git('rev-parse', 'HEAD')).stdout]
  for (const [version, greeting, count] of [
    ['two', 'hi', 2],
    ['three', 'bonjour', 1],
  ] as const) {
    await site.configure({ env: { GREETING: greeting } }, { process_count: count })
    commits.push(await site.app.commit({ 'server.mjs': versioned(version) }))
    const { status, stderr } = await site.push()
    expect(status, stderr).toBe(0)
  }
  return { ...site, commits }
}

const refOf = async ({ app, host }: Site): Promise<string | undefined> =>
  (await app.git('ls-remote', host.url('web'), 'main')).stdout.split('\t')[0]

test('a rollback goes one release back, twice goes further, with the settings of then and without refusing a request', async () => {
  const site = await threeReleases()
  const { host, commits, push } = site
  const [one, two, three] = await listReleases(host.paths, main)
  const load = startLoad(host, DOMAIN, 100)
  const back = await host.ssh('rollback', 'web', 'main')
  expect(back.stdout).toContain(`web main: rollback of ${commits[1]?.slice(0, 11)} a change`)
  expect(back.stdout).toContain('Starting 2 processes')
  expect(back.stdout).not.toMatch(/Building|Checking out/)
  expect(back.status).toBe(0)
  expect((await host.get(DOMAIN)).body).toBe('two hi')
  expect(await refOf(site)).toBe(commits[1])

  const further = await host.pypaas('rollback', 'web', 'main')
  expect(further.status, further.stdout + further.stderr).toBe(0)
  expect((await host.get(DOMAIN)).body).toBe('one hello')
  expect(await refOf(site)).toBe(commits[0])
  const end = await host.pypaas('rollback', 'web', 'main')
  expect(end).toMatchObject({
    status: 1,
    stderr:
      'pypaas: web main: there is no kept release before the live one\n        `releases web main` lists those that are kept',
  })
  expect(textsOf(await load.stop())).toEqual(['200 one hello', '200 three bonjour', '200 two hi'])

  // By a release's name, and by the beginning of a commit.
  expect((await host.pypaas('rollback', 'web', 'main', three?.release ?? '')).status).toBe(0)
  expect((await host.get(DOMAIN)).body).toBe('three bonjour')
  expect((await host.pypaas('rollback', 'web', 'main', commits[1]?.slice(0, 8) ?? '')).status).toBe(0)
  expect((await host.get(DOMAIN)).body).toBe('two hi')
  expect(await refOf(site)).toBe(commits[1])
  const again = await host.pypaas('rollback', 'web', 'main', commits[1] ?? '')
  expect(again.status, again.stdout).toBe(0)

  const live = await liveRelease(host.paths, main)
  expect(live).toMatchObject({ checkout: two?.checkout, origin: two?.release, env: { GREETING: 'hi' } })
  expect(one?.checkout).not.toBe(two?.checkout)

  // A push on top of it is an ordinary one.
  await site.configure({ env: { GREETING: 'ciao' } })
  expect((await push({ 'server.mjs': versioned('four') })).status).toBe(0)
  expect((await host.get(DOMAIN)).body).toBe('four ciao')
  // What was live before it is what it goes back to, not what was pushed before it.
  expect((await host.pypaas('rollback', 'web', 'main')).status).toBe(0)
  expect((await host.get(DOMAIN)).body).toBe('two hi')
  expect(await host.stop()).toEqual([])
}, 120_000)

test('releases lists what is kept, for people and for programs', async () => {
  const { host, commits } = await threeReleases()
  expect((await host.pypaas('rollback', 'web', 'main', commits[0] ?? '')).status).toBe(0)
  const kept = (await listReleases(host.paths, main)).toReversed()
  const listed = await host.ssh('releases', 'web', 'main')
  const lines = listed.stdout.split('\n')
  expect(lines).toHaveLength(4)
  expect(lines[0]).toMatch(
    new RegExp(
      `^\\* +${kept[0]?.release} +${commits[0]?.slice(0, 11)} +(alice|root) .* first \\(back to ${kept[3]?.release}\\)$`,
    ),
  )
  expect(lines[1]).toMatch(
    new RegExp(
      `^ +${kept[1]?.release} +${commits[2]?.slice(0, 11)} +alice +\\d+ s ago +[\\d.]+ KiB +a change$`,
    ),
  )
  const rows = JSON.parse((await host.pypaas('releases', 'web', 'main', '--json')).stdout) as object[]
  expect(rows[0]).toEqual({
    release: kept[0]?.release,
    commit: commits[0],
    subject: 'first',
    by: kept[0]?.by,
    created: kept[0]?.created,
    size: expect.any(Number) as number,
    live: true,
    origin: kept[3]?.release,
  })
  expect(rows[3]).toMatchObject({ release: kept[3]?.release, live: false, origin: null })
  expect(await host.stop()).toEqual([])
})

test('a restart is gone back from too, and what is not kept any more cannot be gone back to', async () => {
  const site = await liveSite({
    branch: { env: { GREETING: 'hello' } },
    files: { 'server.mjs': versioned('one') },
  })
  const { host, configure } = site
  const [first] = await listReleases(host.paths, main)
  await configure({ env: { GREETING: 'broken' } })
  expect((await host.pypaas('restart', 'web', 'main')).status).toBe(0)
  expect((await host.get(DOMAIN)).body).toBe('one broken')
  expect((await host.pypaas('rollback', 'web', 'main')).status).toBe(0)
  expect((await host.get(DOMAIN)).body).toBe('one hello')

  for (const name of ['20200101_000000-00000000000', 'feedbeef']) {
    expect(await host.ssh('rollback', 'web', 'main', name)).toMatchObject({
      status: 1,
      stderr: `pypaas: web main: there is no kept release "${name}"\n        \`releases web main\` lists those that are kept`,
    })
  }
  const live = await liveRelease(host.paths, main)
  expect((await host.ssh('rollback', 'web', 'main', live?.release ?? '')).stderr).toContain(
    `${live?.release} is live already`,
  )
  // Half of a pruned release is none.
  await rm(host.paths.releaseFile({ ...main, release: first?.release ?? '' }))
  expect((await host.ssh('rollback', 'web', 'main', first?.release ?? '')).stderr).toContain(
    `there is no kept release "${first?.release}"`,
  )
  // One that does not start any more leaves what is live alone.
  const failing = (await listReleases(host.paths, main))[0]
  await rm(`${host.paths.checkout(main, failing?.checkout ?? '')}/server.mjs`)
  const failed = await host.pypaas('rollback', 'web', 'main', failing?.release ?? '')
  expect(failed.status).toBe(1)
  expect(failed.stdout).toContain(`The former release ${live?.release} is still live.`)
  expect(await refOf(site)).toBe(live?.commit)
  expect((await host.get(DOMAIN)).body).toBe('one hello')
  expect(await host.stop()).toEqual([])
})
