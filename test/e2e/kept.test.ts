/** What is kept of deploys: their output, for the operator's logger too, and the newest releases. */
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { listReleases, liveRelease } from '../../src/system/state.ts'
import { tracesOf } from '../support/traces.ts'
import { answering, DOMAIN, liveSite, SOON } from '../support/web.ts'

const main = { repo: 'web', branch: 'main' }

/** What git shows of the other side's output: a prefix, and blanks that clear the line. */
function withoutRemote(stderr: string): string[] {
  return stderr.split('\n').flatMap((line) => /^remote: ?(.*?) *$/.exec(line)?.[1] ?? [])
}

test('the output of a deploy is kept, and deploy_logger_cmd gets the same', async () => {
  const { host, push, configure } = await liveSite({
    main: { deploy_logger_cmd: 'cat >> "$HOME/logger.txt"' },
  })
  await configure({ hooks: { build: "printf 'größer\\n\\n  indented\\n'" } })
  for (const [change, status] of [
    [{ 'server.mjs': answering('two') }, 0],
    [{ 'server.mjs': 'process.exit(1)' }, 1],
  ] as const) {
    const { stderr, ...ended } = await push(change)
    expect(ended.status).toBe(status)
    const logs = (await readdir(host.paths.deploys(main))).filter((name) => name.endsWith('.log'))
    const log = await readFile(join(host.paths.deploys(main), logs.toSorted().at(-1) ?? ''), 'utf8')
    const shown = withoutRemote(stderr).filter((line) => !/^error: hook declined|^-----> Waiting/.test(line))
    const kept = log.trimEnd().split('\n')
    expect(kept.map((line) => line.trimEnd())).toEqual(shown)
    expect(shown.join('\n')).toContain('größer\n\n         indented')
    expect((await readFile(join(host.home, 'logger.txt'), 'utf8')).endsWith(log)).toBe(true)
  }
  expect(await host.stop()).toEqual([])
})

test('a logger that dies, or takes nothing, fails no deploy', async () => {
  const { host, push } = await liveSite({ main: { deploy_logger_cmd: 'exit 1' } })
  for (const deploy_logger_cmd of ['/nowhere/logger', 'read line; kill -9 $$', 'exec sleep 0.2 <&-']) {
    const text = await readFile(join(host.home, 'config', 'pypaas.yml'), 'utf8')
    const changed = text.replace(
      /^deploy_logger_cmd:.*$/m,
      `deploy_logger_cmd: ${JSON.stringify(deploy_logger_cmd)}`,
    )
    await host.configure('pypaas.yml', changed)
    const { status, stderr } = await push({ logger: deploy_logger_cmd })
    expect(status, stderr).toBe(0)
    expect(stderr).toContain(`Live at http://${DOMAIN}`)
  }
  expect(await host.stop()).toEqual([])
})

test('the newest releases are kept, and what is live even if it is older', { timeout: 120_000 }, async () => {
  const { host, push } = await liveSite({ main: { releases: { keep: 2 } } })
  for (const version of ['two', 'three']) {
    expect((await push({ 'server.mjs': answering(version) })).status).toBe(0)
  }
  expect((await host.pypaas('restart', 'web', 'main')).status).toBe(0)
  const names = async (): Promise<string[]> =>
    (await listReleases(host.paths, main)).map((made) => made.release)
  await expect.poll(names, SOON).toHaveLength(2)
  // The restart made a release of its own, of the checkout that it shares with the one before.
  await expect.poll(() => readdir(host.paths.checkoutsOf(main)), SOON).toHaveLength(1)
  const live = await liveRelease(host.paths, main)
  expect(await readdir(host.paths.checkoutsOf(main))).toEqual([live?.checkout])
  expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'three' })

  expect((await push({ 'server.mjs': 'process.exit(1)' })).status).toBe(1)
  expect(await names()).toContain(live?.release)
  expect((await tracesOf(host)).files.filter((path) => path.endsWith('.lock'))).toHaveLength(1)
  expect(await host.get(DOMAIN)).toMatchObject({ status: 200, body: 'three' })
  expect(await host.stop()).toEqual([])
})
