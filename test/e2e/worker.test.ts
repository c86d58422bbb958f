import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { repoWithRunners } from '../support/apps.ts'
import { createHost, type Host } from '../support/host.ts'
import { SOON } from '../support/web.ts'

/** Appends to the file in NOTES what it does, and stays. */
function worker(version: string): string {
  return `
import { appendFileSync } from 'node:fs'
const note = (text) => appendFileSync(process.env.NOTES, \`\${text} ${version}\\n\`)
note('start')
process.on('SIGTERM', () => { note('end'); process.exit() })
setInterval(() => {}, 1000)
`
}

async function processes(host: Host): Promise<{ state: string; pid: number; restarts: number }[]> {
  const { stdout } = await host.pypaas('status', '--json')
  return (JSON.parse(stdout) as { processes: { state: string; pid: number; restarts: number }[] }[])[0]!
    .processes
}

test('a worker is healthy when it has stayed up, is replaced in order, and started again when it dies', async () => {
  const host = await createHost()
  const notes = join(host.home, 'notes')
  const work = { type: 'SimpleProcess', cmd: 'node worker.mjs', health: { uptime: 0.5 } }
  await host.configure('repos/jobs.yml', repoWithRunners({ work }, { env: { NOTES: notes } }))
  await host.serve()

  const app = await host.app({ 'worker.mjs': worker('one') })
  const first = await app.git('push', host.url('jobs'), 'main')
  expect(first.stderr).toContain('healthy after')
  // Nothing of it is on the web.
  expect(first.stderr).toMatch(/Live: release \S+, /)
  expect(first.status).toBe(0)

  await app.commit({ 'worker.mjs': worker('two') })
  expect((await app.git('push', host.url('jobs'), 'main')).status).toBe(0)
  await expect.poll(() => readFile(notes, 'utf8'), SOON).toBe('start one\nstart two\nend one\n')

  // One that does not stay up is not healthy, and the former one goes on.
  await app.commit({ 'worker.mjs': `console.log('no jobs today')` })
  const third = await app.git('push', host.url('jobs'), 'main')
  expect(third.stderr).toContain('the process work-0 ended with status 0 before it was healthy')
  expect(third.stderr).toContain('no jobs today')
  expect(third.stderr).toMatch(/The former release \S+ is still live\./)
  expect(third.status).toBe(1)

  const [before] = await processes(host)
  expect(before).toMatchObject({ state: 'up', restarts: 0 })
  process.kill(before!.pid, 'SIGKILL')
  await expect
    .poll(async () => (await processes(host))[0], SOON)
    .toMatchObject({ restarts: 1, pid: expect.any(Number) as number })
  expect((await processes(host))[0]!.pid).not.toBe(before!.pid)
  expect(await host.stop()).toEqual([])
})
