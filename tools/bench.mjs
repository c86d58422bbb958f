/** `npm run bench`: what is needed, the build, and then the benchmarks of `bench/main.ts`. Arguments go to them. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { BENCHMARKS, ensureNodeModules, ensureSystemPackages, projectRoot } from './prerequisites.mjs'

await ensureNodeModules()
await ensureSystemPackages(BENCHMARKS)
const { buildAll } = await import('./build.mjs')
await buildAll()
const { build } = await import('esbuild')
const outfile = join(projectRoot, 'dist', 'bench.js')
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
