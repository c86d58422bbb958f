/** Runs one point of an app's `deploy/hooks.mjs`: `run-hook.mjs prepare`. What it is about is in the environment. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const { PYPAAS_APP, PYPAAS_TARGET, PYPAAS_VERSION, PYPAAS_ROOT, PYPAAS_DIRECTORY, PYPAAS_VALUES } =
  process.env
const point = process.argv[2]
const about = {
  app: PYPAAS_APP,
  target: PYPAAS_TARGET,
  version: PYPAAS_VERSION,
  root: PYPAAS_ROOT,
  directory: PYPAAS_DIRECTORY,
  values: JSON.parse(PYPAAS_VALUES),
}

const { hook } = await import(pathToFileURL(join(PYPAAS_DIRECTORY, 'deploy', 'hooks.mjs')).href)
if (hook === null || !['object', 'function'].includes(typeof hook)) {
  process.stderr.write('deploy/hooks.mjs exports no object or class by the name `hook`\n')
  process.exit(1)
}
// A class is made an object for the point; an object is there already.
const made = typeof hook === 'function' ? new hook(about) : hook
await made[point]?.(about)
