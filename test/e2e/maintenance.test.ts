/** The first deploy, deploys with a `maintenance` hook, and processes of which two must never run at once. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { begun, holding, release } from '../support/hold.ts'
import { startLoad, textsOf } from '../support/load.ts'
import { tracesOf } from '../support/traces.ts'
import { answering, createSite, DOMAIN, liveSite, SOON } from '../support/web.ts'

test('a domain answers 503 until its branch was deployed, also when the first deploy fails', async () => {
  const { host, push } = await createSite()
  const unavailable = await host.get(DOMAIN)
  expect(unavailable.status).toBe(503)
  expect(unavailable.headers['retry-after']).toMatch(/^\d+$/)
  expect(unavailable.body).toContain('<html')

  const failed = await push({ 'server.mjs': 'process.exit(1)' })
  expect(failed.status).not.toBe(0)
  expect(failed.stderr).toContain('Nothing of web main is live yet.')
  expect(await host.get(DOMAIN)).toMatchObject({ status: 503, body: unavailable.body })
  const left = await tracesOf(host)
  expect(left).toMatchObject({ ports: [], processes: [] })
  expect(left.files.filter((path) => /\d{8}_\d{6}/.test(path))).toEqual([])

  expect((await push({ 'server.mjs': answering('two') })).status).toBe(0)
  expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'two' })
  expect(await host.stop()).toEqual([])
})

test('while the maintenance hook runs the old processes are stopped and clients get a 503', async () => {
  const { host, push, configure } = await liveSite()
  await configure({ hooks: { maintenance: holding('migration') } })
  const load = startLoad(host, DOMAIN, 50)
  const pushed = push({ 'server.mjs': answering('two') })
  await begun(host, 'migration')

  const page = await host.get(DOMAIN)
  expect(page.status).toBe(503)
  expect(page.headers['retry-after']).toMatch(/^\d+$/)
  expect((await tracesOf(host)).processes.filter((line) => line.endsWith('server.mjs'))).toEqual([])
  expect(JSON.parse((await host.pypaas('status', '--json')).stdout)).toMatchObject([
    { repo: 'web', processes: [{ state: 'down' }], deploying: { by: 'alice', phase: 'maintenance' } },
  ])
  expect((await host.pypaas('status')).stdout).toMatch(
    /^ {4}being deployed: \S+ by alice, at maintenance for \d+ s, former processes are stopped for it$/m,
  )

  await release(host, 'migration')
  const { status, stderr } = await pushed
  expect(stderr).toContain('Maintenance: the former processes stop, the maintenance hook runs')
  expect(status).toBe(0)
  expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'two' })
  expect(JSON.parse((await host.pypaas('status', '--json')).stdout)).toMatchObject([{ deploying: null }])
  // Never a connection that is refused, nor nginx's own page of an app that does not answer.
  expect(textsOf(await load.stop())).toEqual(['200 one', '200 two', `503 ${page.body}`])
  expect(await host.stop()).toEqual([])
})

test('a maintenance_upstream answers while the maintenance hook runs', async () => {
  const { host, push, configure } = await liveSite()
  await configure({ hooks: { maintenance: holding('migration') } })
  await host.configure('repos/page.yml', {
    branches: { main: { runners: { files: { type: 'NginxStatic' } } } },
  })
  const upstream = { repo: 'web', branch: 'main', runner: 'web' }
  const maintenance_upstream = { repo: 'page', branch: 'main', runner: 'files' }
  await host.configure(`domains/${DOMAIN}.yml`, { locations: { '/': { upstream, maintenance_upstream } } })
  const page = await host.app({ 'index.html': 'we are back soon' })
  expect((await page.git('push', host.url('page'), 'main')).status).toBe(0)
  expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'one' })

  const pushed = push({ 'server.mjs': answering('two') })
  await begun(host, 'migration')
  expect(await host.get(DOMAIN)).toMatchObject({ body: 'we are back soon' })
  await release(host, 'migration')
  expect((await pushed).status).toBe(0)
  expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'two' })
  expect(await host.stop()).toEqual([])
})

test('a maintenance hook that fails brings the former release back', async () => {
  const { host, push, configure } = await liveSite()
  const before = await tracesOf(host)
  await configure({ hooks: { maintenance: ["echo 'adding columns'", 'false'] } })
  const { status, stderr } = await push({ 'server.mjs': answering('two') })
  expect(status).not.toBe(0)
  expect(stderr).toContain('Phase maintenance failed: hook maintenance: `false` ended with status 1')
  expect(stderr).toMatch(/The former release \S+ is still live\./)
  expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'one' })
  const after = await tracesOf(host)
  expect(commandsOf(after.processes)).toEqual(commandsOf(before.processes))
  expect({ ...after, processes: [] }).toEqual({ ...before, processes: [] })
  expect((await host.pypaas('status')).status).toBe(0)
  expect(await host.stop()).toEqual([])
})

/** Notes when it begins and when it ends, which takes it a while. A shell, since that starts at once on a busy machine. */
function noting(name: string): string {
  return `
note() { echo "$1 ${name}" >> "$HOME/notes"; }
note begin
trap 'sleep 0.3; note end; exit 0' TERM
while :; do sleep 0.05; done
`
}

test('with the strategy stop_first two releases never run at once, also when the new one fails', async () => {
  const { host, push } = await liveSite({
    runner: { type: 'SimpleProcess', cmd: 'sh ./bot', strategy: 'stop_first' },
    files: { bot: noting('one') },
  })
  const notes = async (): Promise<string[]> =>
    (await readFile(join(host.home, 'notes'), 'utf8')).trim().split('\n')
  expect((await push({ bot: noting('two') })).status).toBe(0)
  expect(await notes()).toEqual(['begin one', 'end one', 'begin two'])

  const failed = await push({ bot: noting('three').replace('trap', 'note end; exit 1; trap') })
  expect(failed.status).not.toBe(0)
  expect(failed.stderr).toContain('ended with status 1')
  await expect.poll(notes, SOON).toHaveLength(7)
  expect((await notes()).slice(3)).toEqual(['end two', 'begin three', 'end three', 'begin two'])
  expect(await host.stop()).toEqual([])
  expect((await notes()).at(-1)).toBe('end two')
})

test('in the gap of a stop_first deploy clients get the 503 page, and status says why', async () => {
  const { host, push } = await liveSite({ runner: { strategy: 'stop_first' } })
  const load = startLoad(host, DOMAIN, 50)
  const waiting = `import { existsSync, writeFileSync } from 'node:fs'
writeFileSync(process.env.HOME + '/gap.begun', '')
while (!existsSync(process.env.HOME + '/gap.go')) await new Promise((resolve) => setTimeout(resolve, 20))
const { createServer } = await import('node:http')
createServer((_, response) => response.end('two')).listen(process.env.PORT, '127.0.0.1')
`
  const pushed = push({ 'server.mjs': waiting })
  await begun(host, 'gap')
  const page = await host.get(DOMAIN)
  expect(page).toMatchObject({ status: 503, headers: { 'retry-after': '30' } })
  expect((await host.pypaas('status')).stdout).toMatch(
    /^ {4}being deployed: \S+ by alice, at healthy for \d+ s, former processes are stopped for it$/m,
  )
  await release(host, 'gap')
  expect((await pushed).status).toBe(0)
  expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'two' })
  expect(textsOf(await load.stop())).toEqual(['200 one', '200 two', `503 ${page.body}`])
  expect(await host.stop()).toEqual([])
})

/** Without the pids. */
function commandsOf(processes: readonly string[]): string[] {
  return processes.map((line) => line.slice(line.indexOf(' ') + 1)).toSorted()
}
