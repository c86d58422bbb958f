/** Deploys that fail: the push is rejected and says why, the former release goes on, and nothing of the new one is left. */
import { expect, test } from 'vitest'
import type { Files } from '../support/app.ts'
import { startLoad, textsOf } from '../support/load.ts'
import { tracesOf } from '../support/traces.ts'
import { answering, liveSite, repoWith, type Site } from '../support/web.ts'

interface Mistake {
  /** What the developer pushes. */
  readonly files?: Files
  /** What the operator has configured meanwhile. */
  readonly branch?: object
  readonly runner?: object
  /** What the push has to say. */
  readonly says: readonly (string | RegExp)[]
}

/** Pushes each mistake, with clients that ask all the while. */
async function pushMistakes(site: Site, mistakes: Record<string, Mistake>): Promise<void> {
  const { host, app } = site
  const before = await tracesOf(host)
  const head = (await app.git('rev-parse', 'HEAD')).stdout
  const load = startLoad(host, 'web.test', 20)
  for (const [name, { files, branch, runner, says }] of Object.entries(mistakes)) {
    await host.configure('repos/web.yml', repoWith(branch, runner))
    const { status, stderr } = await site.push(files ?? { 'version.txt': name })
    expect(status, name).not.toBe(0)
    for (const words of says) expect(stderr, name).toMatch(words)
    expect(stderr, name).toMatch(/The former release \d{8}_\d{6}-\w{11} is still live\./)
    expect(stderr, name).toContain('! [remote rejected] main -> main')
    expect(await tracesOf(host), name).toEqual(before)
    const { stdout } = await app.git('ls-remote', host.url('web'))
    expect(stdout.split('\n'), name).toEqual([`${head}\tHEAD`, `${head}\trefs/heads/main`])
    await app.git('reset', '-q', '--hard', head)
  }
  expect(textsOf(await load.stop())).toEqual(['200 one'])
}

test('a push of an app that does not come up is rejected with the reason', { timeout: 120_000 }, async () => {
  const health = { timeout: 1 }
  const site = await liveSite()
  await pushMistakes(site, {
    'never listens': {
      files: { 'server.mjs': `console.log('waiting for nothing'); setInterval(() => {}, 1000)` },
      runner: { health },
      says: [
        /the process web-0 \(port \d+\) did not listen within 1 seconds/,
        'does the app listen on the port in the variable PORT?',
        '| waiting for nothing',
      ],
    },
    'listens on a port of its own': {
      files: { 'server.mjs': answering('two').replace('process.env.PORT', '0') },
      runner: { health },
      says: [
        /it listens on 127\.0\.0\.1:\d+; the app must listen on the port in the variable PORT, here \d+/,
      ],
    },
    'crashes at start': {
      files: { 'server.mjs': `console.error('there is no database'); process.exit(3)` },
      says: [/the process web-0 \(port \d+\) ended with status 3/, '| there is no database'],
    },
    'answers the health request with an error': {
      files: {
        'server.mjs': answering('two').replace('=> ', '=> (response.statusCode = 500) && '),
      },
      runner: { health: { ...health, path: '/healthz' } },
      says: [
        /answered \/healthz with status 500, not with a status of 200-399, within 1 seconds/,
        'correct the app, or `health.path`',
      ],
    },
    'has one process of two that is not well': {
      // Of two ports side by side, one is odd.
      files: {
        'server.mjs': `if (process.env.PORT % 2 === 1) setInterval(() => {}, 1000); else {
          const { createServer } = await import('node:http')
          createServer((request, response) => response.end('two')).listen(process.env.PORT)
        }`,
      },
      runner: { health, process_count: 2 },
      says: [/the process web-[01] \(port \d*[13579]\) did not listen within 1 seconds/],
    },
  })
  expect(await site.host.stop()).toEqual([])
})

test('a push whose build or hook fails is rejected with its last lines', { timeout: 120_000 }, async () => {
  const site = await liveSite()
  const failing = "echo 'looking at it' && ls /nowhere"
  const hook = (stage: string): Mistake => ({
    branch: { hooks: { [stage]: ['echo "begins well"', failing] } },
    says: [
      `Phase ${stage} failed: hook ${stage}: \`${failing}\` ended with status 2`,
      '| looking at it',
      /\| ls: cannot access '\/nowhere'/,
    ],
  })
  await pushMistakes(site, {
    'a hook before the build': hook('before_build'),
    'a hook in place of the build': hook('build'),
    'a hook after the build': hook('after_build'),
    'a script that builds': {
      files: { '.build.sh': { content: '#!/bin/sh\necho compiling\nexit 4\n', mode: 0o755 } },
      says: [/Phase build failed: .*ended with status 4/, '| compiling'],
    },
    'dependencies that are not to be had': {
      files: { 'package.json': '{"dependencies": {"left": "file:nowhere.tgz"}}' },
      says: ['Phase build failed: npm: ', 'nowhere.tgz'],
    },
  })
  expect(await site.host.stop()).toEqual([])
})

test('a build without an end is ended, with all that it has started', async () => {
  const site = await liveSite({ main: { builds: { timeout: 2 } } })
  await pushMistakes(site, {
    'a hook that waits': {
      branch: { hooks: { build: 'sh -c "sleep 1000 & wait"' } },
      says: ['Phase build failed: the build did not end within 2 seconds', 'raise `builds: {timeout: …}`'],
    },
  })
  expect(await site.host.stop()).toEqual([])
})

test('a failing after_deploy hook is told of, and the release is live all the same', async () => {
  const site = await liveSite()
  await site.configure({ hooks: { after_deploy: "echo 'telling everybody' && false" } })
  const { status, stderr } = await site.push({ 'server.mjs': answering('two') })
  expect(stderr).toMatch(/Phase after_deploy failed: hook after_deploy: .* ended with status 1/)
  expect(stderr).toContain('The new release is live all the same.')
  expect(status).toBe(0)
  expect(await site.host.get('web.test')).toMatchObject({ status: 200, body: 'two' })
  expect(await site.host.stop()).toEqual([])
})
