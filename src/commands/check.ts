/** The whole configuration: everything that is wrong with it, or what is in it. */
import { problemText, summary } from '../config/report.ts'
import { switchAdvice } from '../nginx/switching.ts'
import type { Invocation } from './command.ts'

export async function run({ ctx, json, out, err }: Invocation): Promise<number> {
  const { problems } = ctx.config
  const advice = await switchAdvice(ctx)
  if (json) {
    const found = { ok: problems.length === 0, directory: ctx.config.dir, problems }
    out.line(JSON.stringify(advice === undefined ? found : { ...found, advice: [advice] }, null, 2))
    return problems.length === 0 ? 0 : 2
  }
  if (problems.length === 0) {
    for (const line of summary(ctx.config)) out.line(line)
    if (advice !== undefined) out.line(advice)
    return 0
  }
  for (const problem of problems) err.line(problemText(problem))
  err.line(`${problems.length} ${problems.length === 1 ? 'problem' : 'problems'} in ${ctx.config.dir}`)
  return 2
}
