import { createServer } from 'node:net'
import { readFile, writeFile } from 'node:fs/promises'
import { parse } from 'yaml'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Context } from '../src/context.ts'
import { allocate, claimPorts, freeLegacyPorts, freePorts, portsInUse, portsOfRelease } from '../src/ports.ts'
import { mainConfig, testContext } from './support/context.ts'
import { claimPortRange } from './support/ports.ts'

const RANGE = { min: 100, max: 104 }
const SHOP = { repo: 'shop', branch: 'master', release: '1' }

describe('allocating', () => {
  test('uses both ends of the range', () => {
    expect(allocate(new Set(), RANGE, 5)).toEqual([100, 101, 102, 103, 104])
  })

  test('passes over what is taken', () => {
    expect(allocate(new Set([100, 102]), RANGE, 2)).toEqual([101, 103])
  })

  test('goes round from where it is told to begin', () => {
    expect(allocate(new Set([104]), RANGE, 3, 103)).toEqual([103, 100, 101])
  })

  test('begins at the start when told to begin outside of the range', () => {
    expect(allocate(new Set(), RANGE, 1, 105)).toEqual([100])
  })

  test('gives fewer when there are no more', () => {
    expect(allocate(new Set([100, 101, 102]), RANGE, 3, 104)).toEqual([104, 103])
  })
})

async function contextWith(count: number): Promise<Context & { readonly min: number }> {
  const ports = claimPortRange(count)
  return { ...(await testContext({ main: mainConfig({ ports }) })), min: ports.min }
}

describe('claiming', () => {
  test('gives two runners of one type ports of their own, and one release’s to nobody else', async () => {
    const ctx = await contextWith(6)
    const { min } = ctx
    const needs = [
      { runner: 'web', count: 2 },
      { runner: 'static', count: 0 },
      { runner: 'api', count: 1 },
    ]
    expect(await claimPorts(ctx, SHOP, needs)).toEqual(
      new Map([
        ['web', [min, min + 1]],
        ['static', []],
        ['api', [min + 2]],
      ]),
    )
    const next = { ...SHOP, release: '2' }
    expect(await claimPorts(ctx, next, needs)).toEqual(
      new Map([
        ['web', [min + 3, min + 4]],
        ['static', []],
        ['api', [min + 5]],
      ]),
    )
    expect(await portsOfRelease(ctx, SHOP)).toEqual([min, min + 1, min + 2])
  })

  test('again gives what the release has', async () => {
    const ctx = await contextWith(3)
    const needs = [{ runner: 'web', count: 2 }]
    const first = await claimPorts(ctx, SHOP, needs)
    expect(await claimPorts(ctx, SHOP, needs)).toEqual(first)
    expect(await portsInUse(ctx)).toHaveLength(2)
  })

  test('lets a freed port rest until the others had their turn', async () => {
    const ctx = await contextWith(3)
    const { min } = ctx
    const needs = [{ runner: 'web', count: 1 }]
    const claimed: number[] = []
    for (const release of ['1', '2', '3', '4']) {
      claimed.push(...((await claimPorts(ctx, { ...SHOP, release }, needs)).get('web') ?? []))
      await freePorts(ctx, { ...SHOP, release })
    }
    expect(claimed).toEqual([min, min + 1, min + 2, min])
  })

  test.each(['127.0.0.1', '0.0.0.0', '::1', '::'])(
    'passes over a port that something else listens on at %s',
    async (host) => {
      const ctx = await contextWith(3)
      const stranger = createServer()
      await new Promise<void>((resolve) => stranger.listen(ctx.min + 1, host, resolve))
      onTestFinished(() => new Promise<void>((resolve) => void stranger.close(() => resolve())))
      expect(await claimPorts(ctx, SHOP, [{ runner: 'web', count: 2 }])).toEqual(
        new Map([['web', [ctx.min, ctx.min + 2]]]),
      )
    },
  )

  test('more than there are fails with the figures and claims nothing', async () => {
    const ctx = await contextWith(3)
    await claimPorts(ctx, SHOP, [{ runner: 'web', count: 2 }])
    const other = { ...SHOP, release: '2' }
    await expect(claimPorts(ctx, other, [{ runner: 'web', count: 2 }])).rejects.toMatchObject({
      code: 'config',
      message:
        `no ports left for shop master, which needs 2: of the 3 from ${ctx.min} to ${ctx.min + 2}, ` +
        '2 are claimed and 0 used by other programs',
      hint: 'widen `ports` in pypaas.yml, or remove with `pypaas cleanup` what is no longer configured',
    })
    expect(await portsOfRelease(ctx, other)).toEqual([])
  })

  test('at the same time gives nobody the same', async () => {
    const ctx = await contextWith(20)
    const releases = Array.from({ length: 10 }, (_, at) => ({ ...SHOP, release: String(at) }))
    const claims = await Promise.all(
      releases.map((release) => claimPorts(ctx, release, [{ runner: 'web', count: 2 }])),
    )
    expect(new Set(claims.flatMap((claim) => claim.get('web') ?? [])).size).toBe(20)
    expect(await portsInUse(ctx)).toHaveLength(20)
  })
})

describe('freeing', () => {
  test('a release leaves the others of its branch, and may be done twice', async () => {
    const ctx = await contextWith(4)
    const other = { ...SHOP, release: '2' }
    await claimPorts(ctx, SHOP, [{ runner: 'web', count: 2 }])
    await claimPorts(ctx, other, [{ runner: 'web', count: 2 }])
    await freePorts(ctx, SHOP)
    await freePorts(ctx, SHOP)
    expect(await portsOfRelease(ctx, SHOP)).toEqual([])
    expect(await portsOfRelease(ctx, other)).toHaveLength(2)
  })

  test('a branch frees all of it and nothing of another', async () => {
    const ctx = await contextWith(4)
    const other = { ...SHOP, branch: 'master2' }
    await claimPorts(ctx, SHOP, [{ runner: 'web', count: 2 }])
    await claimPorts(ctx, other, [{ runner: 'web', count: 2 }])
    await freePorts(ctx, { repo: 'shop', branch: 'master' })
    expect((await portsInUse(ctx)).map(({ branch }) => branch)).toEqual(['master2', 'master2'])
  })

  test('what was never claimed does nothing', async () => {
    const ctx = await contextWith(1)
    await freePorts(ctx, SHOP)
    expect(await portsInUse(ctx)).toEqual([])
  })
})

describe('ports.yml', () => {
  test('is YAML that names the process of each port, in order', async () => {
    const ctx = await contextWith(3)
    const { min } = ctx
    await claimPorts(ctx, { ...SHOP, branch: 'a: "b" #c' }, [{ runner: 'web', count: 2 }])
    const entry = { repo: 'shop', branch: 'a: "b" #c', release: '1', runner: 'web' }
    expect(parse(await readFile(ctx.paths.ports, 'utf8'))).toEqual({
      [min]: { ...entry, process: 0 },
      [min + 1]: { ...entry, process: 1 },
    })
    await freePorts(ctx, { ...SHOP, branch: 'a: "b" #c' })
    expect(parse(await readFile(ctx.paths.ports, 'utf8'))).toEqual({})
  })

  test('of pyPaaS is respected and kept until its ports are freed', async () => {
    const ctx = await contextWith(4)
    const { min } = ctx
    await writeFile(
      ctx.paths.ports,
      `---\n${min}:\n  runner_type: NginxBackend\n  branch: master\n  repo: shop\n${min + 1}: {runner_type: NginxBackend, branch: old, repo: shop}\n`,
    )
    expect(await claimPorts(ctx, SHOP, [{ runner: 'web', count: 1 }])).toEqual(new Map([['web', [min + 2]]]))
    expect(parse(await readFile(ctx.paths.ports, 'utf8'))).toMatchObject({
      [min]: { repo: 'shop', branch: 'master', runner_type: 'NginxBackend' },
      [min + 1]: { repo: 'shop', branch: 'old', runner_type: 'NginxBackend' },
    })
    await freeLegacyPorts(ctx, SHOP)
    expect((await portsInUse(ctx)).map(({ port }) => port)).toEqual([min + 1, min + 2])
  })

  test('that cannot be read is not taken for empty', async () => {
    const ctx = await contextWith(1)
    await writeFile(ctx.paths.ports, '61500: {repo: [')
    await expect(claimPorts(ctx, SHOP, [{ runner: 'web', count: 1 }])).rejects.toMatchObject({
      message: 'the list of allocated ports cannot be read',
      where: ctx.paths.ports,
    })
  })
})
