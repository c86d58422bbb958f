/** Releases the working copy: `release [<version>] [--dry-run]`. */
import type { Context } from '../context.ts'
import { shownPlace } from '../releasing/place.ts'
import { planOf, release, type Planned, type Released, type ReleaseRequest } from '../releasing/release.ts'
import type { Invocation } from './command.ts'
import { bytes } from './text.ts'

export async function run(invocation: Invocation): Promise<number> {
  const { ctx, session, options, json, out, err } = invocation
  const request = requestOf(invocation)
  if (options['dryRun'] === true) {
    const planned = await planOf(ctx, request, err)
    for (const line of json ? [JSON.stringify(planAsJson(planned), null, 2)] : describePlan(planned, request))
      out.line(line)
    return 0
  }
  const released = await release(ctx, request, err, session.signal)
  const lines = json ? [JSON.stringify(asJson(released), null, 2)] : await describe(ctx, released)
  for (const line of lines) out.line(line)
  return 0
}

function requestOf({ args, options }: Invocation): ReleaseRequest {
  const text = (name: string): string | undefined => options[name] as string | undefined
  return {
    version: args[0],
    test: text('test'),
    to: text('to'),
    store: text('store'),
    target: text('target'),
    remote: text('remote'),
    sign: text('sign'),
    cwd: process.cwd(),
    env: ownEnvironment(),
  }
}

/** git, ssh and the tests run as the user would run them. */
function ownEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
}

function describePlan({ plan, place, copy }: Planned, { remote }: ReleaseRequest): string[] {
  const where = place.kind === 'directory' ? place.path : `the repository of artifacts, for ${place.target}`
  const files = [...plan.edits.keys()].map((path) => copy.prefix + path)
  return [
    `version  ${plan.version}`,
    `test     ${plan.test ?? 'nothing: this project has no tests that could be found'}`,
    `commit   ${files.length === 0 ? 'nothing: the version is set already' : `${files.join(', ')}, on ${plan.branch}`}`,
    `tag      ${plan.tag}`,
    `build    ${remote === undefined ? 'here' : `on ${remote}`}`,
    `put      into ${where}`,
    'nothing has been changed (--dry-run)',
  ]
}

async function describe(ctx: Context, { artifact, plan, published, copy }: Released): Promise<string[]> {
  const { at, next } = await shownPlace(ctx, published)
  const { info, size, sha256 } = artifact
  const remote = await copy.git('config', '--get', `branch.${plan.branch}.remote`).catch(() => '')
  return [
    `${info.name} ${plan.version} is released: ${plan.tag} on ${plan.branch} (${info.commit.slice(0, 11)})`,
    `    ${at}`,
    `    ${bytes(size)}, SHA-256 ${sha256}`,
    'next:',
    ...(remote === '' ? [] : [`    git push ${remote} ${plan.branch} ${plan.tag}`]),
    ...next.map((line) => `    ${line}`),
  ]
}

function planAsJson({ plan, place }: Planned): object {
  return { ...plan, test: plan.test ?? null, edits: [...plan.edits.keys()], place }
}

function asJson({ plan, artifact, published }: Released): object {
  const { name, version, commit } = artifact.info
  const { size, sha256 } = artifact
  return { name, version, tag: plan.tag, branch: plan.branch, commit, size, sha256, published }
}
