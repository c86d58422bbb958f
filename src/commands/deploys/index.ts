/** The journal: the last deploys, one of them, or one that is running. */
import { listRecords, type DeployRecord } from '../../deploy/journal.ts'
import { PypaasError } from '../../errors.ts'
import type { Invocation } from '../command.ts'
import { branchesOf } from '../lookup.ts'
import { table } from '../text.ts'
import { attach } from './attach.ts'
import { took } from './record.ts'
import { show } from './show.ts'

/** A repo may be called `show`: it is meant when it is named with its branch. */
export async function run(invocation: Invocation): Promise<number> {
  const { args } = invocation
  if (args[0] === 'show' && args.length === 2) return show(invocation, args[1] ?? '')
  if (args[0] === 'attach') return attach(invocation)
  if (args.length > 2) {
    throw new PypaasError('usage', 'too many arguments', {
      hint: 'deploys [<repo> [<branch>]], deploys show <id>, or deploys attach <id>',
    })
  }
  return list(invocation)
}

async function list(invocation: Invocation): Promise<number> {
  const { args } = invocation
  const { ctx, json, out } = invocation
  const records: DeployRecord[] = []
  for (const { repo, branch } of branchesOf(ctx, args[0], args[1])) {
    records.push(...(await listRecords(ctx.paths, { repo, branch })))
  }
  records.sort((a, b) => (a.started < b.started ? 1 : -1))
  if (json) {
    out.line(JSON.stringify(records, null, 2))
    return 0
  }
  if (records.length === 0) out.line('nothing has been deployed yet')
  const rows = records.map((record) => [
    record.release,
    `${record.repo} ${record.branch}`,
    record.dryRun === true ? `dry run` : record.kind,
    record.result,
    took(record, ctx.now()),
    record.by,
    record.error ?? record.message ?? record.subject,
  ])
  for (const line of table(rows)) out.line(line)
  return 0
}
