/** A new release is watched: what fails soon after it has gone live is taken back. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { listRecords } from '../../src/deploy/journal.ts'
import { lastLogLines } from '../../src/services/logs.ts'
import { liveReleaseName } from '../../src/system/state.ts'
import { httpServer } from '../support/apps.ts'
import { testContext } from '../support/context.ts'
import type { Host } from '../support/host.ts'
import { workersIn } from '../support/traces.ts'
import { answering, createSite, DOMAIN, liveSite, SOON } from '../support/web.ts'

const main = { repo: 'web', branch: 'main' }

/** Answers until it is told to crash, and then crashes soon after each start. */
function crashing(text: string): string {
  return httpServer(
    JSON.stringify(text),
    `import { existsSync } from 'node:fs'
setInterval(() => {
  if (!existsSync(process.env.HOME + '/crash')) return
  console.log('out of', 'luck')
  process.exit(7)
}, 50)`,
  )
}

const crash = (host: Host): Promise<void> => writeFile(join(host.home, 'crash'), '')

interface Status {
  readonly reverted: object | null
  readonly processes: { state: string; lines: string[]; restarts: number }[]
}

const statusOf = async (host: Host): Promise<Status | undefined> =>
  (JSON.parse((await host.ssh('status', 'web', 'main', '--json')).stdout) as Status[])[0]

test('a release that crashes after it has gone live is taken back, and status says so', async () => {
  const { host, app, push } = await liveSite({ main: { watch: { seconds: 60 } } })
  const refs = (await app.git('ls-remote', host.url('web'))).stdout
  const former = await liveReleaseName(host.paths, main)
  const { status, stderr } = await push({ 'server.mjs': crashing('two') })
  expect(status, stderr).toBe(0)
  expect((await host.get(DOMAIN)).body).toBe('two')
  const failing = await liveReleaseName(host.paths, main)
  await crash(host)
  await expect.poll(() => liveReleaseName(host.paths, main), SOON).not.toBe(failing)
  await expect.poll(async () => (await host.get(DOMAIN)).body, SOON).toBe('one')
  await expect
    .poll(
      async () => (await listRecords(host.paths, main)).map(({ kind, result }) => `${kind} ${result}`),
      SOON,
    )
    .toEqual(['push succeeded', 'push reverted', 'revert succeeded'])
  const why = expect.stringMatching(/^web-0 was started \d times again within 60 s$/) as string
  expect((await listRecords(host.paths, main))[1]).toMatchObject({ release: failing, error: why })
  expect(await statusOf(host)).toMatchObject({
    reverted: { release: failing, by: 'alice', why, former },
    processes: [{ state: 'up', lines: [] }],
  })
  expect((await host.ssh('status', 'web')).stdout).toMatch(
    new RegExp(`^    reverted: ${failing} by alice: web-0 was started .*; ${former} is live again$`, 'm'),
  )
  expect((await host.ssh('deploys')).stdout).toMatch(/ reverted +.* web-0 was started/)
  expect((await app.git('ls-remote', host.url('web'))).stdout).toBe(refs)
  // Nothing of it is left to crash on.
  await expect
    .poll(() => workersIn(host.home, [host.paths.checkouts]).then((found) => found.length), SOON)
    .toBe(1)

  // What is mended is pushed as ever, and the branch is no longer one that was taken back.
  expect((await push({ 'server.mjs': answering('three') })).status).toBe(0)
  expect((await host.get(DOMAIN)).body).toBe('three')
  expect((await statusOf(host))?.reverted).toBe(null)
  expect(await host.stop()).toEqual([])
})

test('a first deploy that crashes later stays, is started after growing pauses, and shows why', async () => {
  const { host, push } = await createSite({
    main: { watch: { seconds: 60 } },
    files: { 'server.mjs': crashing('one') },
  })
  expect((await push()).status).toBe(0)
  await crash(host)
  const release = (await liveReleaseName(host.paths, main)) ?? ''
  const ctx = { ...(await testContext()), paths: host.paths }
  const crashes = async (): Promise<number[]> =>
    (await lastLogLines(ctx, { ...main, release }, 'web', 0, 100)).map(({ time }) => Number(time))
  await expect.poll(async () => (await crashes()).length, SOON).toBeGreaterThan(5)
  const times = await crashes()
  const [before = 0, last = 0] = times
    .slice(1)
    .map((time, at) => time - (times[at] ?? 0))
    .slice(-2)
  expect(before).toBeGreaterThanOrEqual(1000)
  expect(last).toBeGreaterThanOrEqual(2000)
  expect(await statusOf(host)).toMatchObject({ reverted: null, processes: [{ state: 'crashing' }] })
  const told = await host.ssh('status', 'web', 'main')
  expect(told.status).toBe(1)
  expect(told.stdout).toMatch(/^ {4}web-0 +crashing .*\d restarts\n(?: {8}\| out of luck\n?)+$/m)
  expect((await statusOf(host))?.processes[0]?.lines).toEqual(Array.from({ length: 5 }, () => 'out of luck'))
  expect((await listRecords(host.paths, main)).map(({ result }) => result)).toEqual(['succeeded'])
  expect(await host.stop()).toEqual([])
})
