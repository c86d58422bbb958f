/** Many deploys of four branches at once, good ones and others, with requests all the time: nothing refused, nothing left. */
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { KEEP_DEPLOYS, listRecords } from '../../src/deploy/journal.ts'
import type { Shape } from '../faults/shape.ts'
import { startLoad } from '../support/load.ts'
import { SOON } from '../support/web.ts'
import { createCourse, inShort, type Course } from './course.ts'
import { growthOf, growthSince, memoryOf, type Growth, type Memory } from './growth.ts'
import { BRANCHES, createSoakSite } from './site.ts'
import { stepsOf, type Step } from './steps.ts'
import { take, takePushes } from './take.ts'

/** The same for the same seed; what happens at the same time as what is up to the machine. */
const SEED = Number(process.env['PYPAAS_SOAK_SEED'] ?? 1)
const DEPLOYS = Number(process.env['PYPAAS_SOAK_DEPLOYS'] ?? 200)
/** Deploys of a branch before the first measurement, and pushes of it around both. */
const WARM_UP = 10
const PUSHES = 6

const ABOUT = { ...SOON, message: `seed ${SEED}` }

function told({ needed, resident }: Memory): string {
  return `${(needed / 2 ** 20).toFixed(1)} MiB (${(resident / 2 ** 20).toFixed(1)} resident)`
}

/** For an array: no text in it is like this. */
function none(pattern: RegExp): string[] {
  return expect.not.arrayContaining([expect.stringMatching(pattern)]) as string[]
}

/** Measures once nothing is left to do, and nobody is at work. */
async function settled(measure: () => Promise<Growth>): Promise<Growth> {
  const sound: Partial<Shape> = {
    files: none(/^run\/unfinished\/|^services\/(?!LIVE)/),
    processes: none(/ (settle|deploy-detached|ssh) |^(git|svc|svok|svstat) /),
    agrees: true,
    broken: [],
    ports: { claimed: 4, alike: true, ofLive: true },
    nginx: { test: '', sets: 1, inForce: true },
  }
  await expect.poll(async () => (await measure()).shape, ABOUT).toMatchObject(sound)
  // The measurement that found it at rest may have begun before it was, and have counted what went meanwhile.
  return measure()
}

/** Each branch takes its steps; when one fails, the others stop after the step that they are at. */
async function takeAll(courses: readonly Course[], stepsFor: (branch: number) => Step[]): Promise<void> {
  let failed = false
  const taken = courses.map(async (course, branch) => {
    try {
      for (const [number, step] of stepsFor(branch).entries()) {
        if (failed) return
        await take(course, step, number, SEED)
      }
      if (!failed) await takePushes(course, SEED)
    } catch (error) {
      failed = true
      throw error
    }
  })
  for (const result of await Promise.allSettled(taken)) {
    if (result.status === 'rejected') throw result.reason
  }
}

test(
  `${DEPLOYS} deploys on four branches refuse no request and leave nothing behind`,
  { timeout: 900_000 },
  async () => {
    const site = await createSoakSite()
    const { host, daemon } = site
    const courses = await Promise.all(BRANCHES.map((branch) => createCourse(site, branch)))
    await Promise.all(courses.map((course) => takePushes(course, SEED)))
    const loads = BRANCHES.map(({ domain }) => startLoad(host, domain, 10))

    const measure = (): Promise<Growth> => growthOf(host, daemon)
    await takeAll(courses, (branch) => stepsOf(SEED + branch, WARM_UP))
    const before = await settled(measure)
    const memoryBefore = await memoryOf(daemon)

    const rest = Math.max(0, Math.ceil(DEPLOYS / BRANCHES.length) - WARM_UP - PUSHES)
    await takeAll(courses, (branch) => stepsOf(SEED + BRANCHES.length + branch, rest))
    await expect.poll(async () => growthSince(before, await measure()), ABOUT).toEqual(before)
    const memoryAfter = await memoryOf(daemon)
    expect(memoryAfter.needed).toBeLessThan(1.5 * memoryBefore.needed)

    const made = courses.map(({ journal }) => journal)
    expect(made.flat().length).toBeGreaterThanOrEqual(DEPLOYS)
    for (const [at, { branch, journal, timeline }] of courses.entries()) {
      const kept = inShort(await listRecords(host.paths, branch))
      expect(kept).toEqual(journal.slice(-KEEP_DEPLOYS))
      const answers = (await loads[at]?.stop()) ?? []
      expect(answers.length).toBeGreaterThan(journal.length)
      expect(timeline.wrong(answers).slice(0, 10), `seed ${SEED}, ${branch.domain}`).toEqual([])
    }
    const log = (await readFile(host.paths.logFile('pypaas.log'), 'utf8')).split('\n')
    expect(log.filter((line) => line.includes('"level":"error"'))).toEqual([])
    process.stdout.write(
      `soak: ${made.flat().length} deploys, seed ${SEED}; the daemon needs ${told(memoryBefore)} early on, ${told(memoryAfter)} at the end\n`,
    )
    expect(await host.stop()).toEqual([])
  },
)
