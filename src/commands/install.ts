/** Sets up a host: user, directories, sudoers, nginx, services. Run twice, it changes nothing. */
import { fileURLToPath } from 'node:url'
import { applyInstall } from '../install/apply.ts'
import type { InstallOptions } from '../install/facts.ts'
import { gatherFacts } from '../install/gather.ts'
import { planInstall } from '../install/plan.ts'
import { silent } from '../system/output.ts'
import type { Invocation } from './command.ts'

/** The directory of pypaas. The bundled program lies directly below `dist/`. */
const PROGRAM = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '')

export async function run({ options: given, json, out }: Invocation): Promise<number> {
  const text = (name: string): string | undefined => {
    const value = given[name]
    return typeof value === 'string' ? value : undefined
  }
  const root = text('root') ?? '/'
  const options: InstallOptions = {
    user: text('user') ?? 'deploy',
    home: text('home'),
    node: process.execPath,
    program: PROGRAM,
  }
  const plan = planInstall(await gatherFacts(root, options), options)
  const reports = await applyInstall(plan, json ? silent : out, { root, dryRun: given['dryRun'] === true })
  if (json) out.line(JSON.stringify(reports, null, 2))
  return 0
}
