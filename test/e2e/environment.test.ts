import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { liveRelease } from '../../src/system/state.ts'
import { domainWith, repoWithRunners } from '../support/apps.ts'
import { createHost } from '../support/host.ts'

/** Values that break when anything on their way quotes, splits, expands or decodes them. */
const AWKWARD = {
  QUOTES: `it's "quoted" \`id\` \\n \\\\`,
  NEWLINES: 'one\ntwo\n\n  three\n',
  DOLLARS: '$HOME ${PATH} $(id) $$ %s {cmd} {{cmd}}',
  UNICODE: 'Grüße, 世界 👋',
  SPACES: '  a  b\t',
  EMPTY: '',
  NUMBER: '007',
  JSON: '{"a": ["b", null]}',
}

/** Prints its environment as JSON, or with a file's name writes it there. */
const print = `
const { writeFileSync } = require('node:fs')
const text = JSON.stringify(process.env)
if (process.argv[2] === undefined) process.stdout.write(text)
else writeFileSync(process.argv[2], text)
`
const server = `
const { createServer } = require('node:http')
createServer((request, response) => response.end(JSON.stringify(process.env))).listen(process.env.PORT, '127.0.0.1')
`

test('the environment of a branch reaches its build, hooks, processes and commands unchanged, and nothing else does', async () => {
  // What the daemon has itself, and what may be a secret of the operator's.
  vi.stubEnv('SECRET_OF_THE_DAEMON', 'secret')
  onTestFinished(() => void vi.unstubAllEnvs())
  const host = await createHost()
  await host.configure(
    'repos/env.yml',
    repoWithRunners(
      {
        web: { type: 'NginxBackend', cmd: 'node server.cjs' },
        work: {
          type: 'SimpleProcess',
          cmd: 'node print.cjs work.json; exec sleep 1000',
          health: { uptime: 0.2 },
        },
      },
      {
        env: AWKWARD,
        hooks: Object.fromEntries(
          ['before_build', 'after_build', 'maintenance', 'after_deploy'].map((stage) => [
            stage,
            `node print.cjs ${stage}.json`,
          ]),
        ),
        custom_cmds: { env: 'node print.cjs', tools: 'own-tool' },
      },
    ),
  )
  await host.configure('domains/env.test.yml', domainWith('env'))
  await host.serve()

  const app = await host.app({
    'print.cjs': print,
    'server.cjs': server,
    '.build.sh': {
      content: `#!/bin/sh -e
node print.cjs build.json
mkdir -p node_modules/.bin
printf '#!/bin/sh\\necho own tool\\n' >node_modules/.bin/own-tool
chmod +x node_modules/.bin/own-tool
`,
      mode: 0o755,
    },
  })
  const commit = (await app.git('rev-parse', 'HEAD')).stdout
  const pushed = await app.git('push', host.url('env'), 'main')
  expect(pushed.stderr).toContain('Live at')
  expect(pushed.status).toBe(0)

  const ref = { repo: 'env', branch: 'main' }
  const live = await liveRelease(host.paths, ref)
  const checkout = host.paths.checkout(ref, live?.checkout ?? '')
  const tools = [join(checkout, 'node_modules', '.bin'), join(checkout, 'venv', 'bin')]
  const written = async (name: string): Promise<Record<string, string>> =>
    JSON.parse(await readFile(join(checkout, `${name}.json`), 'utf8')) as Record<string, string>
  const seen: Record<string, Record<string, string>> = {
    process: JSON.parse((await host.get('env.test')).body) as Record<string, string>,
    command: JSON.parse((await host.ssh('custom_cmds', 'env', 'main', 'env')).stdout) as Record<
      string,
      string
    >,
  }
  for (const name of ['before_build', 'build', 'after_build', 'maintenance', 'after_deploy', 'work'])
    seen[name] = await written(name)

  const base = ['PATH', 'HOME', 'LANG', 'USER', 'LOGNAME', 'SHELL', 'PWD', 'GIT_COMMIT']
  // By its mark everything of a release is found again, and what a deploy does before its SWITCH.
  const own: Record<string, string[]> = {
    process: ['PORT', 'PYPAAS_RELEASE'],
    work: ['PYPAAS_RELEASE'],
    command: [],
    after_deploy: ['PYPAAS_DEPLOY'],
  }
  for (const [where, env] of Object.entries(seen)) {
    expect({ where, ...env }).toMatchObject({ where, ...AWKWARD, GIT_COMMIT: commit, HOME: host.home })
    expect([where, ...(env['PATH'] ?? '').split(':').slice(0, 2)]).toEqual([where, ...tools])
    // Builds are told where their tools keep what they download.
    const others = Object.keys(env).filter(
      (name) => !(name in AWKWARD) && !base.includes(name) && !/^(npm_config|PIP)_/.test(name),
    )
    expect([where, ...others]).toEqual([where, ...(own[where] ?? ['PYPAAS_DEPLOY'])])
    expect(JSON.stringify(env)).not.toContain('SECRET_OF_THE_DAEMON')
  }
  const { status, stdout } = await host.ssh('custom_cmds', 'env', 'main', 'tools')
  expect([status, stdout]).toEqual([0, 'own tool'])

  // Secrets are in no log of ours, nor in anybody's command line.
  const log = await readFile(host.paths.logFile('pypaas.log'), 'utf8')
  expect(log).not.toContain('世界')
  expect(pushed.stderr).not.toContain('世界')
  expect(await host.stop()).toEqual([])
})
