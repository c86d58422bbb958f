/** `npm run bench`: what is needed, the build, and then the benchmarks of `bench/main.ts`. Arguments go to them. */
import { rmSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { BENCHMARKS, ensureNodeModules, ensureSystemPackages, projectRoot } from './prerequisites.mjs'

await ensureNodeModules()
await ensureSystemPackages(BENCHMARKS)
const { buildAll } = await import('./build.mjs')
await buildAll()
// A build of its own: one that is replaced while it is measured is another program.
const directory = join(projectRoot, `dist.bench-${process.pid}`)
process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
await cp(join(projectRoot, 'dist'), directory, { recursive: true })
const { build } = await import('esbuild')
const outfile = join(directory, 'bench.mjs')
await build({
  entryPoints: [join(projectRoot, 'bench', 'main.ts')],
  outfile,
  bundle: true,
  packages: 'external',
  format: 'esm',
  platform: 'node',
  target: 'node20',
  logLevel: 'warning',
})
await import(pathToFileURL(outfile).href)
