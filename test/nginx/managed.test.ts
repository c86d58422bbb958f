import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { cpus } from 'node:os'
import { expect, onTestFinished, test } from 'vitest'
import { managedPaths } from '../../src/nginx/main-config.ts'
import { ensureNginx, nginxRunning, stopNginx } from '../../src/nginx/managed.ts'
import { servingWorkersOf, workersOf } from '../../src/nginx/reload.ts'
import { isAlive, sessionOf } from '../../src/system/processes.ts'
import { ask, backend, domainOf, liveOf, nginxContext, route, sayingApp } from './support.ts'

async function site() {
  const ctx = await nginxContext([domainOf('app.test', { '/': 'web/node' })])
  const live = [liveOf(ctx, 'web', [backend('node', [await sayingApp('hello')])])]
  await route(ctx, live)
  const master = (await nginxRunning(ctx)) ?? 0
  return { ctx, live, master }
}

test('nginx runs in a session of its own, and the next to come adopts it', async () => {
  const { ctx, master } = await site()
  expect(await sessionOf(master)).not.toBe(await sessionOf(process.pid))
  expect(await ensureNginx(ctx)).toBe('running')
  expect(await nginxRunning(ctx)).toBe(master)
})

test('stopping ends the master and its workers, and nginx can start again', async () => {
  const { ctx, master } = await site()
  const processes = [master, ...(await workersOf(master))]
  await stopNginx(ctx)
  expect(await nginxRunning(ctx)).toBeUndefined()
  expect(await Promise.all(processes.map(isAlive))).toEqual(processes.map(() => false))
  expect(await ensureNginx(ctx)).toBe('started')
  expect((await ask(ctx, 'app.test')).body).toBe('hello')
})

test('a pid file that tells of another process is not believed', async () => {
  const { ctx } = await site()
  await stopNginx(ctx)
  await writeFile(managedPaths(ctx).pid, `${process.pid}\n`)
  expect(await nginxRunning(ctx)).toBeUndefined()
  expect(await ensureNginx(ctx)).toBe('started')
  expect((await ask(ctx, 'app.test')).body).toBe('hello')
})

test('workers whose master was killed give their addresses back', async () => {
  const { ctx, master } = await site()
  const workers = await workersOf(master)
  process.kill(master, 'SIGKILL')
  await expect.poll(() => isAlive(master)).toBe(false)
  expect(await Promise.all(workers.map(isAlive))).not.toContain(false)
  expect(await ensureNginx(ctx)).toBe('started')
  expect(await Promise.all(workers.map(isAlive))).not.toContain(true)
  expect((await ask(ctx, 'app.test')).body).toBe('hello')
})

test('a master whose pid file is lost is replaced', async () => {
  const { ctx, master } = await site()
  await rm(managedPaths(ctx).pid)
  expect(await ensureNginx(ctx)).toBe('started')
  expect(await isAlive(master)).toBe(false)
  expect((await ask(ctx, 'app.test')).body).toBe('hello')
})

test('an address that is taken is named', async () => {
  const ctx = await nginxContext([])
  const { port } = ctx.config.main.nginx.http
  const taken = createServer().listen(port, '127.0.0.1')
  await new Promise((resolve) => taken.once('listening', resolve))
  onTestFinished(() => void taken.close())
  await expect(route(ctx, [])).rejects.toMatchObject({
    code: 'failed',
    message: `nginx cannot listen on 127.0.0.1:${port}: something else listens there`,
    hint: 'stop it (`ss -ltnp` shows it), or set another address under `nginx` in pypaas.yml',
  })
})

test('new settings of the main configuration reach the nginx that runs', async () => {
  const { ctx, master } = await site()
  const workers = await workersOf(master)
  const changed = { ...ctx, config: { ...ctx.config, main: { ...ctx.config.main, drainTimeout: 90 } } }
  expect(await ensureNginx(changed)).toBe('running')
  expect(await readFile(managedPaths(ctx).main, 'utf8')).toContain('worker_shutdown_timeout 95s;')
  expect(await nginxRunning(ctx)).toBe(master)
  expect((await servingWorkersOf(master)).filter((pid) => workers.includes(pid))).toEqual([])
})

test('however often it reloads, nginx has one worker a processor', async () => {
  const { ctx, live, master } = await site()
  for (let count = 0; count < 10; count++) {
    const port = await sayingApp('hello')
    await route(ctx, count % 2 === 0 ? [liveOf(ctx, 'web', [backend('node', [port])])] : live)
  }
  await expect.poll(() => workersOf(master)).toHaveLength(cpus().length)
})

test('an error log that has grown large is begun anew by a reload', async () => {
  const { ctx } = await site()
  const { errorLog } = managedPaths(ctx)
  await rename(errorLog, `${errorLog}.kept`)
  await writeFile(errorLog, 'x'.repeat(10 * 2 ** 20 + 1))
  await route(ctx, [liveOf(ctx, 'web', [backend('node', [await sayingApp('next')])])])
  expect((await readFile(`${errorLog}.1`)).length).toBe(10 * 2 ** 20 + 1)
  expect((await readFile(errorLog)).length).toBeLessThan(1000)
})
