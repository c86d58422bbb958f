/** The daemon: its end leaves the apps running, the next one goes on with them, and there is never a second. */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { createHost, leftovers, type Host } from '../support/host.ts'
import { startLoad, textsOf } from '../support/load.ts'
import { workersIn } from '../support/traces.ts'
import { answering, DOMAIN, liveSite, repoWith, SOON } from '../support/web.ts'

test('apps and nginx go on without a daemon, and the next daemon takes them over as they are', async () => {
  const { host, push } = await liveSite()
  const load = startLoad(host, DOMAIN, 50)
  const running = await appsAndNginx(host)
  expect(await host.endDaemon('SIGTERM')).toBe(0)
  expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'one' })
  await host.serve()
  expect(await host.endDaemon('SIGKILL')).toBe('SIGKILL')
  expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'one' })
  await host.serve()
  expect(await appsAndNginx(host)).toEqual(running)
  expect(textsOf(await load.stop())).toEqual(['200 one'])
  expect((await push({ 'server.mjs': answering('two') })).status).toBe(0)
  expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'two' })
  expect(await host.stop()).toEqual([])
})

test('a second daemon on the same home says so and leaves the first alone', async () => {
  const { host } = await liveSite()
  const second = await host.pypaas('serve')
  expect(second.stderr).toMatch(
    new RegExp(
      `^pypaas: another \`pypaas serve\` runs on ${host.home}.*\n {8}\`pypaas serve --stop\` ends it$`,
    ),
  )
  expect(second.status).toBe(4)
  expect((await host.ssh('list')).status).toBe(0)
  expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'one' })
  expect(await host.stop()).toEqual([])
})

test('a port that something else has is named, and nothing is left of the start', async () => {
  const host = await createHost()
  const sshPort = Number(new URL(host.url('web')).port)
  for (const [port, status, message] of [
    [sshPort, 4, `the SSH server cannot listen on 127.0.0.1, port ${sshPort}: something else does`],
    [host.httpPort, 1, `nginx cannot listen on 127.0.0.1:${host.httpPort}: something else listens there`],
  ] as const) {
    const taken = createServer().listen(port, '127.0.0.1')
    await once(taken, 'listening')
    onTestFinished(() => void taken.close())
    const { stdout, stderr, ...ended } = await host.pypaas('serve')
    expect(stderr, stdout).toContain(message)
    expect(stderr).not.toContain('    at ')
    expect(ended.status).toBe(status)
    taken.close()
    expect((await host.pypaas('serve', '--stop')).status).toBe(0)
    expect(await leftovers(host.home)).toEqual([])
  }
  await host.serve()
  expect(await host.stop()).toEqual([])
})

test('nginx, the svscan of the host and an app come back when they are killed', async () => {
  const { host } = await liveSite()
  const master = await nginxMaster(host)
  process.kill(master, 'SIGKILL')
  await expect.poll(() => nginxMaster(host).catch(() => master), SOON).not.toBe(master)
  await expect.poll(() => host.get(DOMAIN).catch(() => undefined), SOON).toMatchObject({ body: 'one' })

  const svscan = await pidOf(host, `svscan ${host.paths.services}`)
  process.kill(svscan, 'SIGKILL')
  await expect
    .poll(() => pidOf(host, `svscan ${host.paths.services}`).catch(() => svscan), SOON)
    .not.toBe(svscan)

  const app = await pidOf(host, 'node server.mjs')
  process.kill(app, 'SIGKILL')
  await expect.poll(() => pidOf(host, 'node server.mjs').catch(() => app), SOON).not.toBe(app)
  await expect.poll(() => host.get(DOMAIN), SOON).toMatchObject({ status: 200, body: 'one' })
  expect(JSON.parse((await host.pypaas('status', '--json')).stdout)).toMatchObject([
    { processes: [{ restarts: 1 }] },
  ])
  expect(await host.stop()).toEqual([])
})

test('a release whose own svscan was killed answers on, and the next deploy ends all of it', async () => {
  const { host, push } = await liveSite()
  const [svscan = ''] = (await workersIn(host.home, [host.paths.servicesReal])).filter((line) =>
    line.includes(' svscan '),
  )
  process.kill(Number(svscan.split(' ')[0]), 'SIGKILL')
  expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'one' })
  expect((await host.pypaas('status')).stdout).toMatch(/web-0 +up /)
  expect((await push({ 'server.mjs': answering('two') })).status).toBe(0)
  expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'two' })
  await expect.poll(() => appsOf(host), SOON).toHaveLength(1)
  expect(await host.stop()).toEqual([])
})

test('after a reboot, as after serve --stop, every app comes up again', { timeout: 120_000 }, async () => {
  const { host, app } = await liveSite()
  await host.configure('repos/bots.yml', repoWith({}, { type: 'SimpleProcess', process_count: 2 }))
  expect((await app.git('push', host.url('bots'), 'main')).status).toBe(0)
  const answersAgain = async (): Promise<void> => {
    await host.serve()
    await expect.poll(() => host.get(DOMAIN), SOON).toMatchObject({ status: 200, body: 'one' })
    await expect.poll(() => appsOf(host), SOON).toHaveLength(3)
  }
  // A power cut ends everything at once; what is killed here is not told either.
  await host.endDaemon('SIGKILL')
  for (let left = await leftovers(host.home); left.length > 0; left = await leftovers(host.home)) {
    for (const line of left) process.kill(Number(line.split(' ')[0]), 'SIGKILL')
  }
  await answersAgain()
  expect(await host.stop()).toEqual([])
  await answersAgain()
  expect((await app.git('push', host.url('bots'), 'main')).stderr).toContain('Everything up-to-date')
  expect(await host.stop()).toEqual([])
})

function appsOf({ home, paths }: Host): Promise<string[]> {
  return workersIn(home, [paths.checkouts])
}

async function appsAndNginx(host: Host): Promise<string[]> {
  return [...(await appsOf(host)), `${await nginxMaster(host)} nginx`]
}

async function nginxMaster({ paths }: Host): Promise<number> {
  const pid = Number(await readFile(paths.runFile('nginx/nginx.pid'), 'utf8'))
  if (!(pid > 0)) throw new Error('nginx has no pid yet')
  return pid
}

/** Of the one process of the host with this command line. */
async function pidOf({ home }: Host, commandLine: string): Promise<number> {
  const found = (await leftovers(home)).filter((line) => /^\d+ (.*)$/.exec(line)?.[1] === commandLine)
  if (found.length !== 1) throw new Error(`${found.length} processes ${commandLine}`)
  return Number.parseInt(found[0] ?? '', 10)
}
