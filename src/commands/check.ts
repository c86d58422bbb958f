/** The whole configuration: everything that is wrong with it, or what is in it. */
import { problemText, summary } from '../config/report.ts'
import { switchAdvice } from '../nginx/switching.ts'
import { exposedKeys } from '../store/exposed.ts'
import type { Invocation } from './command.ts'

export async function run({ ctx, json, out, err }: Invocation): Promise<number> {
  const { problems } = ctx.config
  const reloads = await switchAdvice(ctx)
  const advice = [...(reloads === undefined ? [] : [reloads]), ...(await exposedKeys(ctx))]
  if (json) {
    const found = { ok: problems.length === 0, directory: ctx.config.dir, problems }
    out.line(JSON.stringify(advice.length === 0 ? found : { ...found, advice }, null, 2))
    return problems.length === 0 ? 0 : 2
  }
  if (problems.length === 0) {
    for (const line of summary(ctx.config)) out.line(line)
    for (const line of advice) out.line(line)
    return 0
  }
  for (const problem of problems) err.line(problemText(problem))
  err.line(`${problems.length} ${problems.length === 1 ? 'problem' : 'problems'} in ${ctx.config.dir}`)
  return 2
}
