/**
 * Bundles pypaas into `dist/`: a command is a process per push, and its start is much of what a push costs. So it
 * is one file, with V8's compiled code of it, and the validators of the configuration are compiled here too.
 */
import { build, stop } from 'esbuild'
import Ajv from 'ajv'
import standaloneCode from 'ajv/dist/standalone/index.js'
import { chmod, copyFile, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { Script } from 'node:vm'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')

const bundling = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  minifySyntax: true,
  legalComments: 'none',
  logLevel: 'warning',
  // What is imported late is in the bundle, or node's own: a script has no other way to it.
  supported: { 'dynamic-import': false },
  // Native parts of ssh2, which does without them.
  external: ['cpu-features', '*.node'],
}

/** The library for locks has a native part, which lies beside it: one a platform. */
const LOCKS = 'fs-native-extensions'

async function copyLocks(directory) {
  const prebuilds = join(root, 'node_modules', LOCKS, 'prebuilds')
  for (const platform of await readdir(prebuilds)) {
    if (!/^(linux|darwin)-/.test(platform)) continue
    await copyFile(join(prebuilds, platform, `${LOCKS}.node`), join(directory, `${LOCKS}.${platform}.node`))
  }
}

const nativeBeside = {
  name: 'native-beside',
  setup({ onLoad }) {
    onLoad({ filter: new RegExp(`[/\\\\]${LOCKS}[/\\\\]binding\\.js$`) }, () => ({
      // By a name that the bundler takes for what it is: known when it runs.
      contents: `const file = './${LOCKS}.' + process.platform + '-' + process.arch + '.node'; module.exports = require(file)`,
    }))
  },
}

/** Has a bundle of a single file load the library for locks from where the program does: both must lock alike. */
const locksBeside = {
  name: 'locks-beside',
  setup({ onResolve }) {
    onResolve({ filter: new RegExp(`^${LOCKS}$`) }, () => ({
      path: `./libraries/${LOCKS}.js`,
      external: true,
    }))
  },
}

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

/** Large libraries that few commands need: files of their own, which are compiled when they are loaded. */
const LIBRARIES = [
  'ssh2',
  'yaml',
  'pino',
  'tar-stream',
  'yazl',
  'yauzl',
  'croner',
  '@aws-sdk/client-s3',
  LOCKS,
]

/** Without the slash of a scope. */
function fileOf(library) {
  return library.replace('/', '-')
}

/** Has the libraries that lie beside the program loaded from there, by what imports them first. */
const librariesBeside = {
  name: 'libraries-beside',
  setup({ onResolve, onLoad }) {
    const namespace = 'beside'
    onResolve({ filter: new RegExp(`^(${LIBRARIES.join('|')})$`) }, ({ path }) => ({ path, namespace }))
    onLoad({ filter: /./, namespace }, ({ path }) => ({
      contents: `module.exports = require('./libraries/${fileOf(path)}.js')`,
    }))
    onResolve({ filter: /./, namespace }, ({ path }) => ({ path, external: true }))
  },
}

/** The command line program: one function of all of it, V8's compiled code of that, and the few lines that run it. */
async function buildProgram(directory, loaded) {
  const { outputFiles } = await build({
    ...bundling,
    entryPoints: [join(root, 'src/main.ts')],
    outfile: join(directory, 'main.js'),
    write: false,
    format: 'cjs',
    define: { 'import.meta.url': 'programUrl' },
    plugins: [compiledValidators(loaded), librariesBeside],
  })
  await build({
    ...bundling,
    entryPoints: Object.fromEntries(LIBRARIES.map((name) => [fileOf(name), name])),
    outdir: join(directory, 'libraries'),
    format: 'cjs',
    plugins: [nativeBeside],
  })
  await copyLocks(join(directory, 'libraries'))
  const bundle = outputFiles[0].text.replace(/^#!.*/, '')
  const url = 'const programUrl = require("node:url").pathToFileURL(__filename).href;'
  // With its names for what CommonJS gives a module: parts that are imported when they are needed use them too.
  const source = `(function (require, __filename) {const module = { exports: {} };${url}${bundle}\n})`
  // It is read as Latin-1, which costs nothing.
  if (/\bimport\(/.test(bundle.replaceAll(/^\s*(\/\/|\*).*$/gm, '')))
    throw new Error('the bundle imports at run time')
  if (Buffer.byteLength(source) !== source.length) throw new Error('the bundle is not ASCII')
  await writeFile(join(directory, 'main.js'), source)
  await writeFile(join(directory, 'main.cache'), compiledCode(source, join(root, 'dist/main.js')))
  await copyFile(join(root, 'tools/program.cjs'), join(directory, 'pypaas.js'))
  await chmod(join(directory, 'pypaas.js'), 0o755)
  await writeFile(join(directory, 'package.json'), '{ "type": "commonjs" }\n')
}

/** All functions, not only those that run at the start: a deploy is over before V8 would have compiled them. */
function compiledCode(source, filename) {
  setFlagsFromString('--no-lazy')
  const script = new Script(source, { filename })
  // V8 takes the code only under the flags that it was made with.
  setFlagsFromString('--lazy')
  return script.createCachedData()
}

/** Builds into a directory beside `dist/` and puts it in its place as a whole. */
export async function buildAll() {
  const temporary = join(root, `dist.${process.pid}`)
  await rm(temporary, { recursive: true, force: true })
  await mkdir(join(temporary, 'schemas'), { recursive: true })
  const loaded = await loadSchemas(temporary)
  await buildProgram(temporary, loaded)
  await build({
    ...bundling,
    entryPoints: [join(root, 'src/quickstart.ts')],
    outfile: join(temporary, 'quickstart.mjs'),
    format: 'esm',
    // What comes from CommonJS packages expects these.
    define: { __filename: 'import.meta.filename', __dirname: 'import.meta.dirname' },
    banner: {
      js: "import{createRequire as requireOf}from'node:module';const require=requireOf(import.meta.url);",
    },
    plugins: [compiledValidators(loaded), locksBeside],
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
  const former = join(root, `dist.${process.pid}.former`)
  await rename(join(root, 'dist'), former).catch(() => {})
  await rename(temporary, join(root, 'dist'))
  await rm(former, { recursive: true, force: true })
  // Its service would stay for as long as the quick start, which goes on in this process.
  await stop()
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildAll()
