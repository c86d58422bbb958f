/** A home as pyPaaS leaves it: its services under a svscan of the host, its files, its keys. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { appendFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { leftovers, run, type Host } from './host.ts'
import { answering } from './web.ts'

const DATE = '20160102_030405'

/** What pyPaaS runs for the branch `main` of a repo: one process, which answers with the repo's name. */
export async function deployedByPyPaaS(host: Host, repo: string, port: number): Promise<void> {
  const { home, paths } = host
  const app = await host.app({ 'server.mjs': answering(`${repo} of pyPaaS`) })
  const commit = (await app.git('rev-parse', 'HEAD')).stdout
  const bare = join(home, 'repos', repo)
  await app.git('clone', '-q', '--bare', app.dir, bare)
  await writeFile(
    join(bare, 'hooks', 'update'),
    '#!/bin/sh\nexec /nowhere/venv/bin/pypaas git-update-hook\n',
    {
      mode: 0o755,
    },
  )
  const checkout = join(home, 'checkouts', repo, 'main', `${DATE}-${commit.slice(0, 11)}`)
  await app.git('clone', '-q', app.dir, checkout)
  const state = join(home, 'state', repo, 'main')
  await mkdir(state, { recursive: true })
  await writeFile(join(state, 'current_checkout'), DATE)

  const name = `web-${repo}-main-${DATE}-0`
  const service = join(paths.servicesReal, name)
  await mkdir(join(service, 'log'), { recursive: true })
  const script = `#!/bin/sh\ncd ${checkout}\nexport PORT='${port}'\nexec 2>&1\nexec node server.mjs\n`
  await writeFile(join(service, 'run'), script, { mode: 0o755 })
  await writeFile(join(service, 'log', 'run'), '#!/bin/sh\nexec multilog t ./main\n', { mode: 0o755 })
  await mkdir(paths.services, { recursive: true })
  await symlink(service, join(paths.services, name))
  await appendFile(paths.ports, `${port}: {branch: main, repo: ${repo}, runner_type: NginxBackend}\n`)
  await mkdir(join(home, 'nginx.d'), { recursive: true })
  await writeFile(join(home, 'nginx.d', `${repo}.test.conf`), `server { server_name ${repo}.test; }\n`)
}

/** The authorized_keys of pyPaaS, with a line that somebody has written by hand. */
export async function authorizedByPyPaaS({ home, paths }: Host): Promise<void> {
  const key = (await readFile(join(paths.authorizedKeysDir, 'alice.pub'), 'utf8')).trim()
  const command = `${home}/venv/bin/pypaas $SSH_ORIGINAL_COMMAND`
  const backup = 'command="rsync --server" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEAQ backup@nas'
  const options = 'no-agent-forwarding,no-port-forwarding,no-pty,no-user-rc,no-X11-forwarding'
  await writeFile(paths.authorizedKeys, `command="${command}",${options} ${key}\n${backup}\n`, {
    mode: 0o600,
  })
}

/** The host's svscan, as daemontools-run starts it. Ended with the test, or by the function that it returns. */
export async function startSvscan({ home, paths }: Host): Promise<() => Promise<void>> {
  await mkdir(paths.services, { recursive: true })
  const svscan = spawn('svscan', [paths.services], { detached: true, stdio: 'ignore' })
  const ended = once(svscan, 'exit')
  const supervises = async (): Promise<string[]> => {
    const names = (await leftovers(home)).flatMap((line) => / supervise (\S+)$/.exec(line)?.[1] ?? [])
    return names.map((name) => join(paths.services, name)).filter((path) => existsSync(path))
  }
  const stop = async (): Promise<void> => {
    svscan.kill()
    await ended
    // It may have started one the moment before, which has made nothing yet that could be told to end.
    for (let left = await supervises(); left.length > 0; left = await supervises()) {
      await run('svc', ['-dx', ...left])
      await delay(20)
    }
  }
  onTestFinished(stop)
  return stop
}
