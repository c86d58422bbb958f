/** The journal, as `deploys` shows it. */
import { rm } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { listRecords } from '../../src/deploy/journal.ts'
import { liveSite, type Site } from '../support/web.ts'

const main = { repo: 'web', branch: 'main' }

/** A push, a restart, and a push that failed. */
async function withHistory(): Promise<Site & { ids: string[]; commits: string[] }> {
  const site = await liveSite({ branch: { hooks: { before_build: 'echo preparing' } } })
  const { host, app, push } = site
  const commits = [(await app.git('rev-parse', 'HEAD')).stdout]
  expect((await host.ssh('restart', 'web', 'main')).status).toBe(0)
  commits.push(await app.commit({ 'server.mjs': 'process.exit(3)' }, 'a mistake'))
  expect((await push()).status).toBe(1)
  const ids = (await listRecords(host.paths, main)).map((record) => record.release)
  return { ...site, ids, commits }
}

test('deploys lists what was tried, newest first, for people and for programs', async () => {
  const { host, ids, commits } = await withHistory()
  const listed = await host.ssh('deploys', 'web', 'main')
  expect(listed.status).toBe(0)
  const lines = listed.stdout.split('\n')
  expect(lines).toHaveLength(3)
  expect(lines[0]).toMatch(
    new RegExp(
      `^${ids[2]}  web main  push     failed     [\\d.]+ s  alice  .*ended with status 3 before it was healthy`,
    ),
  )
  expect(lines[1]).toMatch(new RegExp(`^${ids[1]}  web main  restart  succeeded  [\\d.]+ s  alice  first$`))
  expect(lines[2]).toMatch(new RegExp(`^${ids[0]}  web main  push     succeeded  [\\d.]+ s  alice  first$`))
  expect((await host.pypaas('deploys')).stdout).toBe(listed.stdout)
  expect((await host.pypaas('deploys', 'web')).stdout).toBe(listed.stdout)

  const records = JSON.parse((await host.ssh('deploys', '--json')).stdout) as object[]
  const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string
  const phase = (name: string): object => ({ name, began: time, ended: time })
  expect(records[2]).toEqual({
    ...main,
    release: ids[0],
    kind: 'push',
    commit: commits[0],
    subject: 'first',
    by: 'alice',
    started: time,
    ended: time,
    result: 'succeeded',
    builds: true,
    switched: true,
    phases: [
      'preflight',
      'checkout',
      'before_build',
      'build',
      'release',
      'start',
      'healthy',
      'nginx',
      'switch',
    ].map((name) => phase(name)),
  })
  expect(records[1]).toMatchObject({ kind: 'restart', former: ids[0], builds: false, switched: true })
  expect(records[0]).toMatchObject({
    result: 'failed',
    error: expect.stringContaining('ended with status 3') as string,
    former: ids[1],
    switched: false,
  })
  expect(await host.stop()).toEqual([])
})

test('deploys show prints one with its log, by as much of its id as is clear', async () => {
  const { host, app, ids, commits } = await withHistory()
  const [, , failed = ''] = ids
  const shown = await host.ssh('deploys', 'show', failed)
  expect(shown.status).toBe(0)
  expect(shown.stdout).toMatch(
    new RegExp(
      [
        `^deploy     ${failed}`,
        'branch     web main',
        `commit     ${commits[1]} a mistake`,
        'kind       push by alice',
        'began      \\S+Z',
        'result     failed: the process web-0 .* \\([\\d.]+ s\\)',
        `before it  ${ids[1]}`,
        'phases     preflight, checkout, before_build, build, release, start, healthy \\(not ended\\)',
        '',
        '-----> web main: push of ',
      ].join('\n'),
    ),
  )
  expect(shown.stdout).toContain('       preparing\n')
  expect(shown.stdout).toContain(' !     Phase healthy failed: ')
  expect((await host.pypaas('deploys', 'show', failed.slice(0, 18))).stdout).toBe(shown.stdout)
  const json = JSON.parse((await host.ssh('deploys', 'show', failed, '--json')).stdout) as { log: string[] }
  expect(json).toMatchObject({ release: failed, result: 'failed' })
  expect(json.log.join('\n')).toBe(shown.stdout.slice(shown.stdout.indexOf('-----> ')))

  expect(await host.ssh('deploys', 'show', 'nothing')).toEqual({
    status: 1,
    stdout: '',
    stderr: 'pypaas: there is no deploy "nothing"\n        `deploys` lists them',
  })
  const ambiguous = await host.ssh('deploys', 'show', '2')
  expect(ambiguous.status).toBe(1)
  expect(ambiguous.stderr).toBe(
    `pypaas: "2" fits several deploys: ${ids.map((id) => `${id} (web main)`).join(', ')}\n        give more of the id`,
  )
  expect((await host.ssh('deploys', 'web', 'main', 'more')).status).toBe(2)
  expect((await host.ssh('deploys', 'wbe')).stderr).toContain('did you mean web?')

  // What a repo is called is no obstacle.
  await host.configure('repos/show.yml', {
    branches: { main: { runners: { web: { type: 'NginxStatic' } } } },
  })
  await rm(`${host.home}/config/domains/web.test.yml`)
  const { status, stderr } = await app.git('push', host.url('show'), 'HEAD~1:refs/heads/main')
  expect(status, stderr).toBe(0)
  expect((await host.ssh('deploys', 'show', 'main')).status).toBe(1)
  expect((await host.ssh('deploys', 'show')).stdout).toMatch(/^\S+ +show main +push +succeeded/)
  expect(await host.stop()).toEqual([])
})
