/** Takes the steps of a branch, and expects of each what must come of it. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { liveRelease } from '../../src/system/state.ts'
import type { Result } from '../support/app.ts'
import { begun, holding } from '../support/hold.ts'
import { run } from '../support/host.ts'
import { SOON } from '../support/web.ts'
import { commitVersion, inShort, newsOf, note, type Course, type Expected } from './course.ts'
import { PATIENT, type Version } from './site.ts'
import { describeStep, type Command, type Entrance, type Failing, type Step } from './steps.ts'

/** What goes wrong with a version, and what the push says then. */
const FAILING: Readonly<Record<Failing, readonly [Omit<Version, 'text'>, RegExp]>> = {
  'no build': [{ build: 'echo this cannot be built; exit 3' }, /this cannot be built/],
  crash: [{ setup: 'process.exit(4)' }, /ended with status 4 before it was healthy/],
  unhealthy: [{ health: 500 }, /did not listen|was not started|answered \/health with/],
}

/** Takes a step: what it says, what the journal says of it, what is live then, and where the branch is. */
export async function take(course: Course, step: Step, number: number, seed: number): Promise<void> {
  const { branch, site, texts, timeline } = course
  course.at = `seed ${seed}, ${branch.repo} ${branch.branch}, step ${number}: ${describeStep(step)}`
  const expected = await carryOut(course, step)
  const about = { ...SOON, message: course.at }
  await expect.poll(async () => inShort(await newsOf(course)), about).toEqual(expected)
  note(course, await newsOf(course))
  const live = await liveRelease(site.host.paths, branch)
  expect(texts.get(live?.commit ?? ''), course.at).toBe(timeline.live)
  const repository = site.host.paths.repo(branch.repo)
  const head = async (): Promise<string> =>
    (await run('git', ['--git-dir', repository, 'rev-parse', refOf(course)])).stdout
  await expect.poll(head, about).toBe(live?.commit)
}

/** Two pushes after one another. What is kept then is of the same shape each time. */
export async function takePushes(course: Course, seed: number): Promise<void> {
  for (const number of [1, 2]) await take(course, { kind: 'push', through: 'embedded' }, number, seed)
}

function carryOut(course: Course, step: Step): Promise<Expected[]> {
  switch (step.kind) {
    case 'push':
    case 'dry run':
    case 'detached':
      return push(course, step.kind, step.through)
    case 'waiting':
      return pushTwo(course, step.through)
    case 'no build':
    case 'crash':
    case 'unhealthy':
      // Nothing else of mere files can fail.
      return pushFailing(course, course.branch.processes ? step.kind : 'no build', step.through)
    case 'cancelled':
    case 'cut off':
      return pushInterrupted(course, step.kind, step.through)
    case 'rollback':
    case 'rebuild':
    case 'restart':
    case 'reconfigured':
      return command(course, step.kind, step.through)
  }
  const never: never = step
  throw new Error(`there is no step ${String(never)}`)
}

async function push(
  course: Course,
  kind: 'push' | 'dry run' | 'detached',
  through: Entrance,
): Promise<Expected[]> {
  const dryRun = kind === 'dry run'
  const options = kind === 'push' ? [] : [dryRun ? 'dry-run' : 'detach']
  const commit = await commitVersion(course, dryRun ? 'tried' : 'good')
  const result = await course.app.git(...pushOf(course, through, commit, options))
  expectStatus(course, result, dryRun ? 'failure' : 'success')
  if (dryRun) expect(result.stderr, course.at).toContain('Dry run: all of it works')
  return [{ kind: 'push', commit, result: 'succeeded', dryRun }]
}

/** The second is pushed once the first is at work, over the other entrance; it waits, unless the first is fast. */
async function pushTwo(course: Course, through: Entrance): Promise<Expected[]> {
  const { app, at } = course
  const first = await commitVersion(course, 'good')
  const pushed = app.start(...pushOf(course, through, first))
  const begins = async (): Promise<boolean> => (await newsOf(course)).some(({ commit }) => commit === first)
  await expect.poll(begins, { ...SOON, message: at }).toBe(true)
  const second = await commitVersion(course, 'good')
  const other = through === 'embedded' ? 'openssh' : 'embedded'
  expectStatus(course, await app.git(...pushOf(course, other, second)), 'success')
  expectStatus(course, await pushed.ended, 'success')
  return [first, second].map((commit) => ({ kind: 'push', commit, result: 'succeeded', dryRun: false }))
}

async function pushFailing(course: Course, kind: Failing, through: Entrance): Promise<Expected[]> {
  const { app, at, branch, site } = course
  const [version, told] = FAILING[kind]
  const commit = await commitVersion(course, kind, version)
  if (kind === 'unhealthy') site.setHealthTimeout(branch, 0.3)
  const result = await app.git(...pushOf(course, through, commit))
  if (kind === 'unhealthy') site.setHealthTimeout(branch, PATIENT)
  expectStatus(course, result, 'failure')
  expect(result.stderr, at).toMatch(told)
  return [{ kind: 'push', commit, result: 'failed', dryRun: false }]
}

async function pushInterrupted(
  course: Course,
  kind: 'cancelled' | 'cut off',
  through: Entrance,
): Promise<Expected[]> {
  const { app, branch, site, texts } = course
  const name = `${branch.repo}-${branch.branch}-${texts.size}`
  const commit = await commitVersion(course, kind, { build: holding(name) })
  const pushed = app.start(...pushOf(course, through, commit))
  await begun(site.host, name)
  if (kind === 'cancelled') {
    expectStatus(course, await site.command(through, 'cancel', branch.repo, branch.branch), 'success')
    expectStatus(course, await pushed.ended, 'failure')
  } else {
    pushed.kill()
    await pushed.ended
  }
  await rm(join(site.host.home, `${name}.begun`))
  if (kind === 'cancelled' || through === 'embedded') {
    return [{ kind: 'push', commit, result: 'cancelled', dryRun: false }]
  }
  // Whatever command comes next sees to what a killed handler has left; that may end a moment after its client.
  const seenTo = async (): Promise<boolean> => {
    expectStatus(course, await site.command('embedded', 'list'), 'success')
    return (await newsOf(course)).every(({ result }) => result !== 'running')
  }
  await expect.poll(seenTo, { ...SOON, message: course.at }).toBe(true)
  return [{ kind: 'push', commit, result: 'abandoned', dryRun: false }]
}

async function command(course: Course, kind: Command, through: Entrance | 'shell'): Promise<Expected[]> {
  const { branch, lived, site, texts } = course
  const [former, live] = lived.slice(-2)
  if (former === undefined || live === undefined) throw new Error('two pushes come first')
  if (kind === 'reconfigured') site.setHeader(branch, String(texts.size))
  const verb = kind === 'reconfigured' ? 'restart' : kind
  // Before what has been gone back to, nothing need be kept.
  const to = kind === 'rollback' && live.back ? [former.release] : []
  const result = await site.command(through, verb, branch.repo, branch.branch, ...to)
  expectStatus(course, result, 'success')
  const { commit } = kind === 'rollback' ? former : live
  return [{ kind: verb, commit, result: 'succeeded', dryRun: false }]
}

function pushOf(
  course: Course,
  through: Entrance,
  commit: string,
  options: readonly string[] = [],
): string[] {
  const given = options.flatMap((option) => ['-o', option])
  return ['push', ...given, course.site.url(course.branch.repo, through), `${commit}:${refOf(course)}`]
}

function refOf({ branch }: Course): string {
  return `refs/heads/${branch.branch}`
}

function expectStatus({ at }: Course, result: Result, expected: 'success' | 'failure'): void {
  const { status, stdout, stderr } = result
  expect(status === 0 ? 'success' : 'failure', `${at}\n${stdout}${stderr}`).toBe(expected)
}
