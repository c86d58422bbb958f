import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { domainWith, repoWithRunners } from '../support/apps.ts'
import { createHost } from '../support/host.ts'

const web = { type: 'NginxBackend', cmd: 'node server.mjs' }

test('check prints what a good configuration holds', async () => {
  const host = await createHost()
  await host.configure('repos/shop.yml', repoWithRunners({ web, files: { type: 'NginxStatic' } }))
  await host.configure('domains/shop.test.yml', domainWith('shop', { '/': 'web', '/static': 'files' }))
  const { status, stdout, stderr } = await host.pypaas('check')
  const { min, max } = host.ports
  expect(stdout.split('\n')).toEqual([
    `configuration: ${join(host.home, 'config')}`,
    '1 repo, 1 branch, 1 process, 1 domain',
    `ports: ${min}-${max}, 1 of ${max - min + 1} in use, 1 more during a deploy`,
    'repo shop, branch main: web (NginxBackend × 1), files (NginxStatic)',
    'domain shop.test: / → shop main web, /static → shop main files',
  ])
  expect([status, stderr]).toEqual([0, ''])
  expect(JSON.parse((await host.pypaas('check', '--json')).stdout)).toEqual({
    ok: true,
    directory: join(host.home, 'config'),
    problems: [],
  })
})

test('check says what a branch is pulled from, and which keys everybody can read', async () => {
  const s3 = { access_key: 'key', secret_key: 'secret' }
  const host = await createHost({ artifacts: { store: 's3://releases', s3 } })
  const main = join(host.home, 'config/pypaas.yml')
  const source = { remote: 'artifact:shop/master' }
  await host.configure('repos/shop.yml', repoWithRunners({ web }, { source }))
  const advice = `everybody on this host can read the keys of S3 in ${main}; \`chmod o-r\` it`
  await chmod(main, 0o644)
  const told = await host.pypaas('check')
  expect(told.status).toBe(0)
  expect(told.stdout.split('\n')).toContain(
    'repo shop, branch main: web (NginxBackend × 1), pulled from artifact:shop/master',
  )
  expect(told.stdout.split('\n')).toContain(advice)
  expect(JSON.parse((await host.pypaas('check', '--json')).stdout)).toMatchObject({ advice: [advice] })
  await chmod(main, 0o640)
  expect((await host.pypaas('check')).stdout).not.toContain('everybody')
})

test('check prints every mistake of every file, with its place and the nearest word, and ends with 2', async () => {
  const host = await createHost()
  await host.configure('repos/shop.yml', repoWithRunners({ web }))
  await host.configure(
    'repos/typos.yml',
    `branches:
  main:
    runers:
      web: {type: NginxBackend, cmd: node server.mjs}
    runners:
      web:
        type: NginxBackend
        cmd: node server.mjs
        proces_count: 2
      work:
        type: SimpleProces
        cmd: node worker.mjs
`,
  )
  await host.configure('domains/shop.test.yml', domainWith('shop', { '/': 'wbe' }))
  await host.configure('domains/torn.test.yml', 'locations: {"/": {upstream: {repo: shop\n')
  const checked = await host.pypaas('check')
  const config = join(host.home, 'config')
  const lines = checked.stderr.split('\n')
  expect(lines.at(-1)).toBe(`${lines.length - 1} problems in ${config}`)
  const problems = lines.slice(0, -1).map((line) => line.replace(`${config}/`, ''))
  expect(problems).toEqual([
    'repos/typos.yml:3:5: branches.main: unknown key `runers`; known keys: `source`, `env`, `hooks`, `custom_cmds`',
    'repos/typos.yml:9:9: branches.main.runners.web: unknown key `proces_count`; did you mean `process_count`?',
    'repos/typos.yml:11:15: branches.main.runners.work.type: there is no type `SimpleProces` of runner; did you mean `SimpleProcess`?',
    'domains/shop.test.yml:6:15: locations."/".upstream.runner: the branch `main` of `shop` has no runner `wbe`; did you mean `web`?',
    'domains/torn.test.yml:2:1: not valid YAML: flow map in block collection must be sufficiently indented and end with a }',
  ])
  expect(checked).toMatchObject({ status: 2, stdout: '' })
  const json = await host.pypaas('check', '--json')
  const report = JSON.parse(json.stdout) as { ok: boolean; problems: { file: string; line: number }[] }
  expect([json.status, report.ok, report.problems.length]).toEqual([2, false, 5])
  expect(report.problems[0]).toMatchObject({ file: join(config, 'repos/typos.yml'), line: 3, column: 5 })
})
