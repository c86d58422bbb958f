/** Records of the journal, by what a user types, and as a user reads them. */
import type { Context } from '../../context.ts'
import { listRecords, type DeployRecord } from '../../deploy/journal.ts'
import { PypaasError } from '../../errors.ts'
import { listBranches } from '../../system/state.ts'
import { duration } from '../text.ts'

/** The deploy with an id, or with an id that begins so. */
export async function recordOf(ctx: Context, id: string): Promise<DeployRecord> {
  const found: DeployRecord[] = []
  for (const ref of await listBranches(ctx.paths)) {
    found.push(...(await listRecords(ctx.paths, ref)).filter(({ release }) => release.startsWith(id)))
  }
  const [record, ...more] = found
  if (record === undefined) {
    throw new PypaasError('failed', `there is no deploy ${JSON.stringify(id)}`, {
      hint: '`deploys` lists them',
    })
  }
  if (more.length > 0) {
    const ids = found.map(({ repo, branch, release }) => `${release} (${repo} ${branch})`).join(', ')
    throw new PypaasError('failed', `${JSON.stringify(id)} fits several deploys: ${ids}`, {
      hint: 'give more of the id',
    })
  }
  return record
}

/** How long a deploy took, or has taken so far. */
export function took({ started, ended }: DeployRecord, now: Date): string {
  const milliseconds = (ended === undefined ? now.getTime() : Date.parse(ended)) - Date.parse(started)
  return milliseconds < 10_000 ? `${(milliseconds / 1000).toFixed(1)} s` : duration(milliseconds)
}
