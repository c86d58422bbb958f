/** The host's own nginx refuses its configuration for a reason that is none of ours, while somebody pushes. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { isAlive } from '../../src/system/processes.ts'
import { liveRelease } from '../../src/system/state.ts'
import { createApp } from '../support/app.ts'
import { domainWith } from '../support/apps.ts'
import { temporaryDirectory } from '../support/context.ts'
import { createHost, PYPAAS } from '../support/host.ts'
import { startLoad, textsOf } from '../support/load.ts'
import { tracesOf } from '../support/traces.ts'
import { answering, DOMAIN, repoWith, SOON } from '../support/web.ts'
import { MAIN } from './site.ts'

/** Why no program can have an /etc/nginx of its own here; undefined: it can. */
function whyNoOwnEtc(): string | undefined {
  if (process.getuid?.() !== 0) return 'a mount namespace of its own needs root'
  const { status, stderr } = spawnSync('unshare', ['--mount', 'mount', '--bind', '/tmp', '/etc/nginx'])
  return status === 0 ? undefined : `nothing can be mounted: ${String(stderr)}`
}

/** `sh` words that run what follows them with `etc` as /etc/nginx (unshare(1)). */
function within(etc: string): string {
  return `exec unshare --mount sh -c 'mount --bind ${etc} /etc/nginx && exec "$@"' sh`
}

/** The host's nginx, with files of its own in /etc/nginx. Ended with the test. */
async function startNginx(etc: string, nginxFiles: string): Promise<void> {
  await mkdir(join(etc, 'conf.d'), { recursive: true })
  await mkdir(join(etc, 'temp'))
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  await writeFile(
    join(etc, 'nginx.conf'),
    [
      'user root;',
      `pid ${etc}/nginx.pid;`,
      `error_log ${etc}/error.log;`,
      'events {}',
      'http {',
      ...temporary.map((name) => `    ${name}_temp_path ${etc}/temp/${name};`),
      '    access_log off;',
      '    include /etc/nginx/conf.d/*.conf;',
      `    include ${nginxFiles}/*.conf;`,
      '}',
      '',
    ].join('\n'),
  )
  const started = spawn('sh', ['-c', `${within(etc)} nginx`], { stdio: 'inherit', cwd: '/' })
  expect(await once(started, 'exit')).toEqual([0, null])
  const master = Number(await readFile(join(etc, 'nginx.pid'), 'utf8'))
  onTestFinished(async () => {
    process.kill(master, 'SIGTERM')
    await expect.poll(() => isAlive(master), SOON).toBe(false)
  })
}

const missing = whyNoOwnEtc()

test.skipIf(missing !== undefined)(
  `a push is rejected with the file that nginx refuses, and what is live stays${missing === undefined ? '' : ` (${missing})`}`,
  { timeout: 120_000 },
  async () => {
    const host = await createHost({ nginx: { mode: 'system', switch: 'reload' }, drain_timeout: 5 })
    await host.configure('repos/web.yml', repoWith())
    await host.configure(`domains/${DOMAIN}.yml`, domainWith('web'))
    const etc = await temporaryDirectory()
    await startNginx(etc, host.paths.nginxFiles)
    // What OpenSSH runs for a key, on a host with that /etc/nginx.
    const handler = join(await temporaryDirectory(), 'ssh')
    const pypaas = `'${process.execPath}' '${PYPAAS}' --home '${host.home}'`
    await writeFile(
      handler,
      `#!/bin/sh\nexport SSH_ORIGINAL_COMMAND="$2"\n${within(etc)} ${pypaas} ssh alice\n`,
      { mode: 0o755 },
    )
    const app = await createApp(
      { 'server.mjs': answering('one') },
      { GIT_SSH_COMMAND: handler, GIT_SSH_VARIANT: 'simple' },
    )
    const push = () => app.git('push', 'deploy@host:web', 'main')
    const first = await push()
    expect(first, first.stderr).toMatchObject({ status: 0 })
    expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'one' })
    await expect.poll(() => readdir(host.paths.unfinished), SOON).toEqual([])
    const before = await tracesOf(host)
    const { commit } = (await liveRelease(host.paths, MAIN)) ?? {}
    const load = startLoad(host, DOMAIN, 40)

    // Somebody has changed a site of his own, and has not tested it.
    const broken = join(etc, 'conf.d', 'somebody.conf')
    await writeFile(broken, '# of somebody else\ngzpi on;\n')
    await app.commit({ 'server.mjs': answering('two') })
    const { status, stderr } = await push()
    expect(status).not.toBe(0)
    expect(stderr).toContain(
      'nginx refuses its configuration: unknown directive "gzpi" in /etc/nginx/conf.d/somebody.conf:2',
    )
    expect(stderr).toContain('nothing was changed; correct what it names, then try again')
    expect(await liveRelease(host.paths, MAIN)).toMatchObject({ commit })
    expect((await app.git('ls-remote', host.paths.repo('web'), 'main')).stdout).toContain(commit)
    await expect.poll(() => tracesOf(host), SOON).toEqual(before)
    expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'one' })
    await rm(broken)
    const again = await push()
    expect(again, again.stderr).toMatchObject({ status: 0 })
    await expect.poll(async () => (await host.get(DOMAIN)).body, SOON).toBe('two')
    expect(textsOf(await load.stop())).toEqual(['200 one', '200 two'])
    expect(await host.stop()).toEqual([])
  },
)
