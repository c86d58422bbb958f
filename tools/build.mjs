/**
 * Bundles pypaas into `dist/`: one small file that starts, and parts that are loaded when a command needs them.
 * The validators of the configuration are compiled here, because compiling them costs a command 150 ms.
 */
import { build, stop } from 'esbuild'
import Ajv from 'ajv'
import standaloneCode from 'ajv/dist/standalone/index.js'
import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')

/** The schemas, from their TypeScript source. */
async function loadSchemas(directory) {
  const outfile = join(directory, 'schema.mjs')
  await build({
    entryPoints: [join(root, 'src/config/schema.ts')],
    bundle: true,
    format: 'esm',
    platform: 'node',
    outfile,
  })
  const { schemas, validatorOptions } = await import(pathToFileURL(outfile).href)
  await rm(outfile)
  return { schemas, validatorOptions }
}

/** Puts ajv's generated code in the place of `src/config/validators.ts`. */
function compiledValidators({ schemas, validatorOptions }) {
  const ajv = new Ajv({ ...validatorOptions, code: { source: true, esm: true } })
  const names = { validateMain: 'main', validateRepo: 'repo', validateDomain: 'domain' }
  for (const [name, schema] of Object.entries(names)) ajv.addSchema(schemas[schema], name)
  const code = standaloneCode(ajv, Object.fromEntries(Object.keys(names).map((name) => [name, name])))
  return {
    name: 'compiled-validators',
    setup({ onLoad }) {
      onLoad({ filter: /src[/\\]config[/\\]validators\.ts$/ }, () => ({
        contents: code,
        loader: 'js',
        resolveDir: root,
      }))
    },
  }
}

/** Builds into a directory beside `dist/` and puts it in its place as a whole. */
export async function buildAll() {
  const temporary = join(root, `dist.${process.pid}`)
  await rm(temporary, { recursive: true, force: true })
  await mkdir(join(temporary, 'schemas'), { recursive: true })
  const loaded = await loadSchemas(temporary)
  await build({
    entryPoints: { pypaas: join(root, 'src/main.ts'), quickstart: join(root, 'src/quickstart.ts') },
    outdir: temporary,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    minifySyntax: true,
    legalComments: 'none',
    logLevel: 'warning',
    // Native parts of ssh2, which does without them.
    external: ['cpu-features', '*.node'],
    // What comes from CommonJS packages expects these.
    define: { __filename: 'import.meta.filename', __dirname: 'import.meta.dirname' },
    banner: {
      js: "import{createRequire as requireOf}from'node:module';const require=requireOf(import.meta.url);",
    },
    plugins: [compiledValidators(loaded)],
  })
  for (const [name, file] of [
    ['main', 'pypaas'],
    ['repo', 'repo'],
    ['domain', 'domain'],
  ]) {
    await writeFile(
      join(temporary, 'schemas', `${file}.json`),
      `${JSON.stringify(loaded.schemas[name], null, 2)}\n`,
    )
  }
  await chmod(join(temporary, 'pypaas.js'), 0o755)
  const former = join(root, `dist.${process.pid}.former`)
  await rename(join(root, 'dist'), former).catch(() => {})
  await rename(temporary, join(root, 'dist'))
  await rm(former, { recursive: true, force: true })
  // Its service would stay for as long as the quick start, which goes on in this process.
  await stop()
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildAll()
