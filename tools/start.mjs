/** `npm start`: what it needs is installed if it is missing, then the quick start runs (src/quickstart.ts). */
import { ensureNodeModules, ensureSystemPackages, QUICK_START } from './prerequisites.mjs'

await ensureNodeModules()
await ensureSystemPackages(QUICK_START)
const { buildAll } = await import('./build.mjs')
await buildAll()
await import('../dist/quickstart.mjs')
