/** `npm start` from the first to the last line, with an app of one's own pushed as it says. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createApp } from '../support/app.ts'
import { leftovers, run } from '../support/host.ts'
import { claimPortRange } from '../support/ports.ts'
import { cloneProject, npmStart, presetConfig, type Started } from '../support/quickstart.ts'

const LAST_LINE = /^Press Ctrl-C to stop everything\.$/

async function clonedWithPorts(): Promise<{ clone: string; ssh: number; http: number }> {
  const clone = await cloneProject()
  const { min } = claimPortRange(50)
  const ports = { ssh: min, http: min + 1, https: min + 2, min: min + 3 }
  await presetConfig(clone, ports)
  return { clone, ...ports }
}

/** The lines to copy, as a shell gets them. */
function commandsOf({ said }: Started): string[] {
  return said()
    .split('\n')
    .filter((line) => line.startsWith('    ') && !line.startsWith('     '))
    .map((line) => line.trim())
}

/** What the page says, asked at nginx's address: not every resolver knows names below localhost. */
async function page(http: number): Promise<string> {
  const args = ['-sS', '--resolve', `hello.localhost:${http}:127.0.0.1`, `http://hello.localhost:${http}/`]
  return (await run('curl', args)).stdout
}

test(
  'npm start shows a sample app, takes an own one, and goes on from there the next time',
  { timeout: 180_000 },
  async () => {
    const { clone, ssh, http } = await clonedWithPorts()
    const first = npmStart(clone)
    await first.line(LAST_LINE)
    expect(first.said()).toContain(`pypaas in ${clone}/.pypaas, configured in ${clone}/.pypaas/config`)
    expect(first.said()).toMatch(/^-----> hello main: push of \w{11} The sample app$/m)
    expect(first.said()).toMatch(/^-----> Live at http:\/\/hello\.localhost:/m)
    expect(first.said()).toContain(
      `http://hello.localhost:${http}/ answers with status 200: Hello from pypaas`,
    )
    expect(await page(http)).toContain('<h1>It works.</h1>')

    // CommonJS without a package.json, though the project around it has one that says otherwise.
    const app = await createApp({
      'server.js': `require('http').createServer((_, answer) => answer.end('my own')).listen(process.env.PORT)`,
    })
    const commands = commandsOf(first)
    expect(commands.map((line) => line.split(' ', 2).join(' '))).toEqual(
      ['cd your-app', 'export GIT_SSH_COMMAND', 'git push'].map(
        (words) => expect.stringContaining(words) as string,
      ),
    )
    const script = commands.join('\n').replace('your-app', app.dir)
    const pushed = await run('bash', ['-ec', script], { SSH_AUTH_SOCK: '' })
    expect(pushed.stderr).toContain('remote: -----> Live at')
    expect(pushed.status).toBe(0)
    expect(await page(http)).toBe('my own')
    expect(first.said()).toMatch(/^-----> hello main: push of \w{11} first$/m)

    const second = npmStart(clone)
    expect(await second.ended).toBe(4)
    expect(second.said()).toMatch(
      /^pypaas: pypaas runs in .*\/my pypaas\/\.pypaas already \(process \d+, since /m,
    )
    expect(second.said()).toContain('end it with Ctrl-C where it was started')
    expect(await page(http)).toBe('my own')

    await first.interrupt()
    expect(first.said()).toMatch(/Stopping the daemon, svscan, nginx and the apps\.$/)
    expect(await leftovers(clone)).toEqual([])

    const third = npmStart(clone)
    await third.line(LAST_LINE)
    expect(third.said()).toMatch(/^hello is live as it was: release \S+ \(first\)$/m)
    expect(third.said()).not.toContain('----->')
    expect(third.said()).toContain(`http://hello.localhost:${http}/ answers with status 200`)
    expect(await page(http)).toBe('my own')
    await third.interrupt()
    expect(await leftovers(clone)).toEqual([])

    const taken = createServer().listen(ssh, '127.0.0.1')
    await once(taken, 'listening')
    const fourth = npmStart(clone)
    const status = await fourth.ended
    taken.close()
    expect(status).toBe(4)
    expect(fourth.said()).toContain(`pypaas: the SSH server cannot listen on 127.0.0.1, port ${ssh}`)
    expect(await leftovers(clone)).toEqual([])
  },
)

test(
  'the first start makes its configuration of the example, and names the port that is taken',
  { timeout: 120_000 },
  async () => {
    const clone = await cloneProject()
    // The example's own ports may be in use on this host: nginx gets this one, which is.
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const address = taken.address()
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0
    await mkdir(join(clone, '.pypaas'))
    const example = join(clone, 'config.example', 'pypaas.yml')
    const text = await readFile(example, 'utf8')
    await run('sed', ['-i', `s/127.0.0.1:8080/127.0.0.1:${port}/`, example])

    const start = npmStart(clone)
    const status = await start.ended
    taken.close()
    expect(status).toBe(1)
    expect(start.said()).toContain(
      `pypaas: nginx cannot listen on 127.0.0.1:${port}: something else listens there`,
    )
    expect(await readFile(join(clone, '.pypaas', 'config', 'pypaas.yml'), 'utf8')).toBe(
      text.replace('127.0.0.1:8080', `127.0.0.1:${port}`),
    )
    expect(await readFile(join(clone, '.pypaas', 'config', 'repos', 'hello.yml'), 'utf8')).toContain(
      'node server.js',
    )
    expect(await leftovers(clone)).toEqual([])
  },
)
