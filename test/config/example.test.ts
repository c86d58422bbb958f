/** `config.example/` is the reference of the configuration: it must work, and it must be complete. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { loadConfig } from '../../src/config/load.ts'
import { summary } from '../../src/config/report.ts'
import { schemas, type FileKind } from '../../src/config/schema.ts'
import type { Shape } from '../../src/config/shape.ts'
import { temporaryDirectory } from '../support/context.ts'
import { problemsOf } from './files.ts'

const EXAMPLE = fileURLToPath(new URL('../../config.example', import.meta.url))

const FILES: Record<FileKind, string> = {
  main: 'pypaas.yml',
  repo: 'repos/hello.yml',
  domain: 'domains/hello.localhost.yml',
}

/** Keys that another key of the example excludes; its comment names them. */
const EXCLUDED: ReadonlySet<string> = new Set(['fleet.lock.s3', 'fleet.lock.directory'])

/** `#key: value`, without a space, is a key that is commented out; `# text` is text. */
function uncommented(text: string): string {
  return text.replaceAll(/^( *)#(?! )(?=.)/gm, '$1').replaceAll(/^( *)# {2}/gm, '$1  ')
}

async function exampleText(kind: FileKind): Promise<string> {
  return readFile(join(EXAMPLE, FILES[kind]), 'utf8')
}

/** Every key that a schema has, as `type.key` for runners and `*` for names of the operator's choice. */
function schemaKeys(shape: Shape, path = ''): string[] {
  const own = Object.entries(shape.properties ?? {}).flatMap(([key, child]) => [
    `${path}${key}`,
    ...schemaKeys(child, `${path}${key}.`),
  ])
  const named =
    typeof shape.additionalProperties === 'object' ? schemaKeys(shape.additionalProperties, `${path}*.`) : []
  const kinds = (shape.oneOf ?? []).flatMap((kind) => schemaKeys(kind, `${path}${kind.title}.`))
  return [...own, ...named, ...kinds]
}

/** Every key of a file, written in the same way. */
function fileKeys(value: unknown, shape: Shape, path = ''): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return []
  const mapping = value as Record<string, unknown>
  const kind = shape.oneOf?.find((one) => one.properties?.type?.const === mapping.type)
  if (kind !== undefined) return fileKeys(value, kind, `${path}${kind.title}.`)
  return Object.entries(mapping).flatMap(([key, child]) => {
    const own = shape.properties?.[key]
    if (own !== undefined) return [`${path}${key}`, ...fileKeys(child, own, `${path}${key}.`)]
    if (typeof shape.additionalProperties !== 'object') return [`${path}${key}: not in the schema`]
    return fileKeys(child, shape.additionalProperties, `${path}*.`)
  })
}

test('it works as it is', async () => {
  const config = await loadConfig(EXAMPLE)
  expect(problemsOf(config)).toEqual([])
  expect(summary(config)).toEqual([
    `configuration: ${EXAMPLE}`,
    '1 repo, 1 branch, 1 process, 1 domain',
    'ports: 61500-61800, 1 of 301 in use, 1 more during a deploy',
    'repo hello, branch main: web (NginxBackend × 1), assets (NginxStatic)',
    'domain hello.localhost: / → hello main web, /assets/ → hello main assets',
  ])
  expect(config.main).toMatchObject({
    ssh: { listen: { host: '127.0.0.1', port: 2222 } },
    services: { mode: 'managed' },
    nginx: {
      mode: 'managed',
      http: { host: '127.0.0.1', port: 8080 },
      https: { host: '127.0.0.1', port: 8443 },
    },
  })
})

test('it works with everything in it uncommented', async () => {
  const dir = await temporaryDirectory()
  for (const kind of ['main', 'repo', 'domain'] as const) {
    await mkdir(dirname(join(dir, FILES[kind])), { recursive: true })
    await writeFile(join(dir, FILES[kind]), uncommented(await exampleText(kind)))
  }
  const config = await loadConfig(dir)
  expect(problemsOf(config)).toEqual([])
  expect([...(config.repos.get('hello')?.branches.get('main')?.runners.keys() ?? [])]).toEqual([
    'web',
    'assets',
    'worker',
    'admin',
  ])
  expect(config.main.sslConfig).toBe('ssl_protocols TLSv1.3;\nssl_session_cache shared:TLS:10m;\n')
})

test.each(['main', 'repo', 'domain'] as const)(
  'the %s file has every key of its schema and no other',
  async (kind) => {
    const value: unknown = parse(uncommented(await exampleText(kind)))
    const shape: Shape = schemas[kind]
    const others = schemaKeys(shape).filter((key) => !EXCLUDED.has(key))
    expect(new Set(fileKeys(value, shape))).toEqual(new Set(others))
  },
)

test('its commented-out settings of the host are the defaults', async () => {
  const value = parse(uncommented(await exampleText('main'))) as Record<string, unknown>
  expect(value).toMatchObject({
    releases: { keep: schemas.main.properties.releases.properties.keep.default },
    builds: { timeout: schemas.main.properties.builds.properties.timeout.default },
    git: { max_push: schemas.main.properties.git.properties.max_push.default },
    drain_timeout: schemas.main.properties.drain_timeout.default,
  })
})

test('it has no other files, and each names its schema for editors', async () => {
  const entries = await readdir(EXAMPLE, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  expect(files.toSorted()).toEqual(
    Object.values(FILES)
      .map((file) => join(EXAMPLE, file))
      .toSorted(),
  )
  for (const kind of ['main', 'repo', 'domain'] as const) {
    const name = kind === 'main' ? 'pypaas' : kind
    const up = '../'.repeat(FILES[kind].split('/').length)
    expect((await exampleText(kind)).split('\n')[0]).toBe(
      `# yaml-language-server: $schema=${up}dist/schemas/${name}.json`,
    )
  }
})

test('every key of every schema has a title and a description', () => {
  const bare = (shape: Shape & { description?: string }, path: string): string[] => {
    const missing = shape.title === undefined || shape.description === undefined ? [path] : []
    const children = Object.entries(shape.properties ?? {})
    const kinds = (shape.oneOf ?? []).map((kind): [string, Shape] => [kind.title ?? '', kind])
    return [...missing, ...[...children, ...kinds].flatMap(([key, child]) => bare(child, `${path}.${key}`))]
  }
  expect(Object.entries(schemas).flatMap(([kind, schema]) => bare(schema, kind))).toEqual([])
})
