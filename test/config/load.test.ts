import { execFileSync } from 'node:child_process'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { brokenDomains, brokenRepos, mainProblems, requireMain } from '../../src/config/broken.ts'
import { findConfigDir, loadConfig } from '../../src/config/load.ts'
import { PypaasError } from '../../src/errors.ts'
import { temporaryDirectory } from '../support/context.ts'
import { configOf, DOMAIN, MAIN, problemsOf, REPO, writeConfig } from './files.ts'

const PYPAAS = fileURLToPath(new URL('../fixtures/pypaas-config', import.meta.url))

const health = { path: undefined, status: { min: 200, max: 399 }, interval: 0.05, timeout: 30, uptime: 1 }

const processDefaults = { processCount: 1, health, stopTimeout: 10, strategy: 'overlap' } as const

describe('where the configuration is', () => {
  test('the first directory that holds pypaas.yml is taken', async () => {
    const home = await temporaryDirectory()
    await writeConfig(join(home, 'etc'), {})
    await mkdir(join(home, 'config'))
    const candidates = [join(home, 'config'), join(home, 'etc')]
    expect(await findConfigDir(candidates)).toBe(join(home, 'etc'))
    await writeConfig(join(home, 'config'), {})
    expect(await findConfigDir(candidates)).toBe(join(home, 'config'))
  })

  test('there may be none', async () => {
    expect(await findConfigDir([join(await temporaryDirectory(), 'config')])).toBeUndefined()
  })

  test('repos/ and repo/ are both read, other and hidden files are not', async () => {
    const config = await configOf({
      'repos/one.yml': REPO,
      'repo/two.yml': REPO,
      'repos/three.yaml': 'nonsense',
      'repos/.four.yml': 'nonsense',
      'repos/one.yml~': 'nonsense',
    })
    expect([...config.repos.keys()]).toEqual(['one', 'two'])
    expect(config.problems).toEqual([])
  })

  test('a directory that cannot be listed is an error, not an empty configuration', async () => {
    const dir = await temporaryDirectory()
    await writeConfig(dir, {})
    await writeFile(join(dir, 'repos'), '')
    await expect(loadConfig(dir)).rejects.toThrow(`cannot read the configuration in ${dir}/repos: ENOTDIR`)
  })
})

describe("pyPaaS's configuration", () => {
  test('its example loads without a problem and means the same', async () => {
    const config = await loadConfig(PYPAAS)
    expect(config.problems).toEqual([])
    expect(config.main.ports).toEqual({ min: 61500, max: 61800 })
    expect(config.main.logScriptTemplate).toBe('#!/bin/sh\nexec multilog t ./main\n')
    expect(config.main.deployLoggerCmd).toBe('/usr/bin/logger -t pypaas -p local3.info')
    const branch = config.repos.get('node-js-sample')?.branches.get('master')
    expect(branch).toEqual({
      repo: 'node-js-sample',
      branch: 'master',
      runners: new Map<string, object>([
        [
          'node',
          {
            ...processDefaults,
            type: 'NginxBackend',
            name: 'node',
            cmd: 'npm start',
            processCount: 4,
            nginxExtraConfig: 'gzip off;\n',
            nginxExtraUpstreamConfig: 'keepalive 32;\n',
            nginxProxyPath: '',
          },
        ],
        ['static', { type: 'NginxStatic', name: 'static', subdirectory: 'public', nginxExtraConfig: '' }],
        [
          'background_worker',
          { ...processDefaults, type: 'SimpleProcess', name: 'background_worker', cmd: 'node' },
        ],
      ]),
      env: { NODE_ENV: 'production' },
      hooks: {
        build: ['if [ -f ./.build.sh ]; then ./.build.sh; fi'],
        maintenance: ['echo "do backup"', 'echo "run migrations"'],
      },
      customCmds: new Map([['npm_list', ['npm list']]]),
    })
    const ref = { repo: 'node-js-sample', branch: 'master' }
    expect(config.domains.get('node-js-sample.example.com')).toEqual({
      name: 'node-js-sample.example.com',
      locations: [
        { path: '/', upstream: { ...ref, runner: 'node' }, maintenanceUpstream: undefined },
        { path: '/public', upstream: { ...ref, runner: 'static' }, maintenanceUpstream: undefined },
      ],
      ssl: false,
      sslCertificate: '/etc/ssl/private/httpd/node-js-sample.example.com/node-js-sample.example.com.crt',
      sslCertificateKey: '/etc/ssl/private/httpd/node-js-sample.example.com/node-js-sample.example.com.key',
      sslCertificateChain: '/etc/ssl/private/httpd/node-js-sample.example.com/trusted_chain.crt',
      nginxHttpExtraConfig: 'gzip on;\n',
      nginxHttpsExtraConfig: 'gzip off;\n',
      extraListenOptions: '',
    })
  })

  test("what its README shows loads without a problem, PORT in env and hooks' forms included", async () => {
    const config = await configOf({
      'repo/sample.yml': `---
branches: # required
    master:
        runners:
            node:
                type: NginxBackend
                cmd: npm start
            static:
                type: NginxStatic
        env:
            PORT: 3000
            NODE_ENV: production
        hooks:
            before_build: 'echo "verify"'
            after_build: 'echo "assets"'
            maintenance:
            - 'echo "do backup"'
            - 'echo "run migrations"'
`,
    })
    expect(config.problems).toEqual([])
    const branch = config.repos.get('sample')?.branches.get('master')
    expect(branch?.env).toEqual({ PORT: '3000', NODE_ENV: 'production' })
    expect(branch?.hooks).toEqual({
      before_build: ['echo "verify"'],
      after_build: ['echo "assets"'],
      maintenance: ['echo "do backup"', 'echo "run migrations"'],
    })
  })

  test("YAML 1.1's truth values, anchors and merge keys are understood", async () => {
    const config = await configOf({
      'repos/app.yml': `branches:
  main: &main
    runners: &runners
      web: &web {type: NginxBackend, cmd: npm start, process_count: &count 2}
      admin: {<<: *web, process_count: *count, cmd: npm run admin}
    env: {WORKERS: *count}
  next:
    <<: *main
    env: {STAGE: next}
`,
      'domains/a.example.com.yml': `${DOMAIN}ssl: yes\n`,
      'domains/b.example.com.yml': `${DOMAIN}ssl: Off\n`,
    })
    expect(problemsOf(config)).toEqual([])
    const next = config.repos.get('app')?.branches.get('next')
    expect(next?.env).toEqual({ STAGE: 'next' })
    expect(next?.runners.get('admin')).toMatchObject({ cmd: 'npm run admin', processCount: 2 })
    expect(config.repos.get('app')?.branches.get('main')?.env).toEqual({ WORKERS: '2' })
    expect(config.domains.get('a.example.com')?.ssl).toBe(true)
    expect(config.domains.get('b.example.com')?.ssl).toBe(false)
  })
})

describe('defaults and values', () => {
  test('everything but the ports has a default', async () => {
    const { main } = await configOf({})
    expect(main).toEqual({
      ports: { min: 61500, max: 61800 },
      runScriptTemplate: undefined,
      logScriptTemplate: undefined,
      deployLoggerCmd: undefined,
      sslConfig: undefined,
      ssh: undefined,
      services: { mode: 'managed' },
      nginx: {
        mode: 'managed',
        switch: 'auto',
        http: { host: undefined, port: 80 },
        https: { host: undefined, port: 443 },
      },
      releases: { keep: 5 },
      builds: { timeout: 1800, parallel: 2 },
      disk: { minFree: 524288000, max: 21474836480 },
      watch: { seconds: 10 },
      git: { maxPush: 1073741824 },
      drainTimeout: 30,
      artifacts: undefined,
      fleet: undefined,
      apps: new Map(),
    })
  })

  test('every setting of the host is read', async () => {
    const { main } = await configOf({
      'pypaas.yml': `ports: {min: 1, max: 1}
ssh: {listen: 2222}
services: {mode: external}
nginx: {mode: system, switch: reload, http: '[::1]:8080', https: localhost:8443}
releases: {keep: 2}
builds: {timeout: 60.5}
git: {max_push: 500MiB}
drain_timeout: 0
ssl_config: ssl_certificate_key /etc/{domain}.key;
`,
    })
    expect(main).toMatchObject({
      ssh: { listen: { host: undefined, port: 2222 } },
      services: { mode: 'external' },
      nginx: {
        mode: 'system',
        switch: 'reload',
        http: { host: '::1', port: 8080 },
        https: { host: 'localhost', port: 8443 },
      },
      releases: { keep: 2 },
      builds: { timeout: 60.5 },
      git: { maxPush: 524288000 },
      drainTimeout: 0,
      sslConfig: 'ssl_certificate_key /etc/{domain}.key;',
    })
  })

  test('every setting of a runner is read', async () => {
    const config = await configOf({
      'repos/app.yml': `branches:
  main:
    runners:
      web:
        type: NginxBackend
        cmd: node server.js
        health: {path: "/healthz?full=1", status: 204, interval: 1, timeout: 5}
        stop_timeout: 0
        strategy: stop_first
        nginx_proxy_path: /v1/
      admin: {type: UwsgiNginxBackend, cmd: uwsgi, health: {uptime: 3}}
      bot: {type: SimpleProcess, cmd: node bot.js, process_count: 2, nginx_extra_config: 'gzip off;'}
      files: {type: NginxStatic, subdirectory: //public/./a/, nginx_extra_upstream_config: 'keepalive 1;'}
`,
    })
    expect(problemsOf(config)).toEqual([])
    const runners = config.repos.get('app')?.branches.get('main')?.runners
    expect(runners?.get('web')).toEqual({
      type: 'NginxBackend',
      name: 'web',
      cmd: 'node server.js',
      processCount: 1,
      health: {
        path: '/healthz?full=1',
        status: { min: 204, max: 204 },
        interval: 1,
        timeout: 5,
        uptime: 1,
      },
      stopTimeout: 0,
      strategy: 'stop_first',
      nginxExtraConfig: '',
      nginxExtraUpstreamConfig: '',
      nginxProxyPath: '/v1/',
    })
    expect(runners?.get('admin')).toEqual({
      ...processDefaults,
      type: 'UwsgiNginxBackend',
      name: 'admin',
      cmd: 'uwsgi',
      health: { ...health, uptime: 3 },
      nginxExtraConfig: '',
      nginxExtraUpstreamConfig: '',
    })
    expect(runners?.get('bot')).toEqual({
      ...processDefaults,
      type: 'SimpleProcess',
      name: 'bot',
      cmd: 'node bot.js',
      processCount: 2,
    })
    expect(runners?.get('files')).toEqual({
      type: 'NginxStatic',
      name: 'files',
      subdirectory: 'public/a',
      nginxExtraConfig: '',
    })
  })

  test('values of env are taken as they are written', async () => {
    const config = await configOf({
      'repos/app.yml': `branches:
  main:
    runners: {}
    env:
      VERSION: 1.10
      YES: yes
      ON: on
      TRUE: True
      HEX: 0x1F
      EXPONENT: 1e3
      OCTAL: 0600
      DATE: 2026-01-02
      QUOTED: "a\\nb \\"c\\""
      SINGLE: 'it''s $HOME \`x\`'
      EMPTY: ''
      UNICODE: Grüße ✓
      BLOCK: |
        one
        two
      __proto__: plain
`,
    })
    expect(problemsOf(config)).toEqual([])
    const env = config.repos.get('app')?.branches.get('main')?.env ?? {}
    expect(Object.entries(env)).toEqual([
      ['VERSION', '1.10'],
      ['YES', 'yes'],
      ['ON', 'on'],
      ['TRUE', 'True'],
      ['HEX', '0x1F'],
      ['EXPONENT', '1e3'],
      ['OCTAL', '0600'],
      ['DATE', '2026-01-02'],
      ['QUOTED', 'a\nb "c"'],
      ['SINGLE', "it's $HOME `x`"],
      ['EMPTY', ''],
      ['UNICODE', 'Grüße ✓'],
      ['BLOCK', 'one\ntwo\n'],
      ['__proto__', 'plain'],
    ])
  })

  test('names that look like numbers are names', async () => {
    const config = await configOf({
      'repos/app.yml': 'branches: {1.10: {runners: {8080: {type: NginxStatic}}}}',
      'domains/example.com.yml': 'locations: {/: {upstream: {repo: app, branch: 1.10, runner: 8080}}}',
    })
    expect(problemsOf(config)).toEqual([])
    expect(config.repos.get('app')?.branches.get('1.10')?.runners.get('8080')?.name).toBe('8080')
    expect(config.domains.get('example.com')?.locations[0]?.upstream.branch).toBe('1.10')
  })

  test('mappings whose lines are all commented out are as good as absent', async () => {
    const config = await configOf({
      'pypaas.yml': `${MAIN}releases:\n  # keep: 3\nnginx:\n`,
      'repos/app.yml':
        'branches:\n  main:\n    runners: {}\n    env:\n    hooks:\n      # build: make\n    custom_cmds:\n',
    })
    expect(problemsOf(config)).toEqual([])
    expect(config.main.releases.keep).toBe(5)
    expect(config.repos.get('app')?.branches.get('main')?.env).toEqual({})
  })

  test('domains are known by their lower case, certificates lie where the file name says', async () => {
    const config = await configOf({
      'repos/app.yml': REPO,
      'domains/WWW.Example.com.yml': `${DOMAIN}ssl: true\nssl_certificate: /etc/{domain}/{domain}.pem\n`,
      'domains/*.example.com.yml': `locations: {" =  /x": ${DOMAIN.slice('locations: {/: '.length)}extra_listen_options: " proxy_protocol "`,
    })
    expect(problemsOf(config)).toEqual([])
    expect(config.domains.get('www.example.com')).toMatchObject({
      name: 'www.example.com',
      sslCertificate: '/etc/WWW.Example.com/WWW.Example.com.pem',
      sslCertificateKey: '/etc/ssl/private/httpd/WWW.Example.com/WWW.Example.com.key',
    })
    expect(config.domains.get('*.example.com')).toMatchObject({
      locations: [{ path: '= /x' }],
      extraListenOptions: 'proxy_protocol',
    })
  })

  test('nothing of it can be changed', async () => {
    const config = await configOf({ 'repos/app.yml': REPO, 'domains/example.com.yml': DOMAIN })
    const repos = config.repos as Map<string, unknown>
    expect(() => repos.set('x', {})).toThrow('the configuration cannot be changed')
    expect(() => repos.clear()).toThrow('the configuration cannot be changed')
    const runner = config.repos.get('app')?.branches.get('main')?.runners.get('web')
    expect(() => Object.assign(runner ?? {}, { cmd: 'other' })).toThrow(TypeError)
    expect(() => Object.assign(config.main.nginx.http, { port: 1 })).toThrow(TypeError)
    const locations = config.domains.get('example.com')?.locations ?? []
    expect(() => (locations as unknown[]).push({})).toThrow(TypeError)
    expect(new Map(config.repos).size).toBe(1)
  })
})

describe('a file with a problem', () => {
  test('defines nothing, and all others stand', async () => {
    const config = await configOf({
      'repos/good.yml': REPO,
      'repos/bad.yml': 'branches: {main: {runners: {web: {type: NginxStatic}}, other: {}}}',
      'domains/good.example.com.yml': DOMAIN.replace('app', 'good'),
      'domains/bad.example.com.yml': DOMAIN.replace('app', 'good').replace('web', 'wbe'),
    })
    expect([...config.repos.keys()]).toEqual(['good'])
    expect([...config.domains.keys()]).toEqual(['good.example.com'])
    expect(brokenRepos(config)).toEqual(new Set(['bad']))
    expect(brokenDomains(config)).toEqual(new Set(['bad.example.com']))
    expect(mainProblems(config)).toEqual([])
    expect(() => requireMain(config)).not.toThrow()
  })

  test('does not take the domains with it that point at its repo', async () => {
    const config = await configOf({
      'repos/app.yml': 'branches: {main: }',
      'domains/example.com.yml': DOMAIN,
    })
    expect(problemsOf(config)).toEqual([
      'repos/app.yml:1:12: branches.main: expected a mapping (`key: value` lines, indented), found nothing',
    ])
    expect([...config.domains.keys()]).toEqual(['example.com'])
  })

  test('that is pypaas.yml leaves the keys that are right, and is named where it matters', async () => {
    const config = await configOf({
      'pypaas.yml': `${MAIN}nginx: {mode: system, http: here}\ndrain_timeout: soon\nreleases: {keep: 3}\n`,
      'repos/app.yml': REPO,
    })
    expect(config.main).toMatchObject({
      ports: { min: 61500, max: 61800 },
      nginx: { mode: 'system', http: { host: undefined, port: 80 } },
      drainTimeout: 30,
      releases: { keep: 3 },
    })
    expect([...config.repos.keys()]).toEqual(['app'])
    const error = catchError(() => requireMain(config))
    expect(error.code).toBe('config')
    expect(error.message).toBe(
      'pypaas.yml has 2 problems: nginx.http: expected a port (1 to 65535), `host:port` or `"[IPv6 address]:port"`',
    )
    expect(error.where).toBe(`${config.dir}/pypaas.yml:2:29`)
    expect(error.output).toHaveLength(2)
  })

  test('that is pypaas.yml may be missing altogether', async () => {
    const config = await loadConfig(await temporaryDirectory())
    expect(problemsOf(config)).toEqual([
      'pypaas.yml:1:1: the file is not there; it needs at least `ports: {min: 61500, max: 61800}`',
    ])
    expect(catchError(() => requireMain(config)).message).toBe(
      'pypaas.yml has a problem: the file is not there; it needs at least `ports: {min: 61500, max: 61800}`',
    )
  })

  test('a port range that is too small is reported and disables nothing', async () => {
    const config = await configOf({
      'pypaas.yml': 'drain_timeout: 1\nports: {min: 100, max: 103}\n',
      'repos/one.yml': REPO,
      'repos/two.yml': REPO.replace('cmd:', 'process_count: 2, cmd:'),
    })
    expect(problemsOf(config)).toEqual([
      'pypaas.yml:2:1: ports: 100-103 are 4 ports, but 5 are needed: 3 for the processes of all branches and 2 more while `two main` is deployed',
    ])
    expect([...config.repos.keys()]).toEqual(['one', 'two'])
    expect(() => requireMain(config)).not.toThrow()
  })

  test('may be a directory, a link to nothing, or not be text', async () => {
    const dir = await temporaryDirectory()
    await writeConfig(dir, { 'repos/binary.yml': Uint8Array.from([0x61, 0xff, 0xfe]) })
    await mkdir(join(dir, 'repos', 'directory.yml'))
    await symlink('nowhere', join(dir, 'repos', 'link.yml'))
    execFileSync('mkfifo', [join(dir, 'repos', 'pipe.yml')])
    const config = await loadConfig(dir)
    expect(problemsOf(config)).toEqual([
      'repos/binary.yml:1:1: the file is not UTF-8 text',
      'repos/directory.yml:1:1: the file cannot be read: it is a directory or no regular file',
      `repos/link.yml:1:1: the file cannot be read: ENOENT: no such file or directory, stat '${dir}/repos/link.yml'`.replace(
        `${dir}/`,
        '',
      ),
      'repos/pipe.yml:1:1: the file cannot be read: it is a directory or no regular file',
    ])
    expect(brokenRepos(config)).toEqual(new Set(['binary', 'directory', 'link', 'pipe']))
  })
})

function catchError(action: () => void): PypaasError {
  try {
    action()
  } catch (error) {
    if (error instanceof PypaasError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}
