/** One deploy with its phases and its log: `deploys show <id>`. */
import { logFile } from '../../deploy/journal.ts'
import { readIfThere } from '../../system/files.ts'
import type { Invocation } from '../command.ts'
import { table } from '../text.ts'
import { recordOf, took } from './record.ts'

export async function show({ ctx, json, out }: Invocation, id: string): Promise<number> {
  const record = await recordOf(ctx, id)
  const log = (await readIfThere(logFile(ctx.paths, record))) ?? ''
  if (json) {
    out.line(JSON.stringify({ ...record, log: log.split('\n').slice(0, -1) }, null, 2))
    return 0
  }
  const rows = [
    ['deploy', record.release],
    ['branch', `${record.repo} ${record.branch}`],
    ['commit', `${record.commit} ${record.subject}`],
    ['kind', `${record.kind}${record.dryRun === true ? ' (dry run)' : ''} by ${record.by}`],
    ...(record.message === undefined ? [] : [['message', record.message]]),
    ['began', record.started],
    [
      'result',
      `${record.result}${record.error === undefined ? '' : `: ${record.error}`} (${took(record, ctx.now())})`,
    ],
    ...(record.former === undefined ? [] : [['before it', record.former]]),
    [
      'phases',
      record.phases.map(({ name, ended }) => (ended === undefined ? `${name} (not ended)` : name)).join(', '),
    ],
  ]
  for (const line of table(rows)) out.line(line)
  out.line('')
  out.line(log.trimEnd())
  return 0
}
