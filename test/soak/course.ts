/** One branch in a soak: what has been pushed, and what must have come of it. */
import { listRecords, type DeployRecord } from '../../src/deploy/journal.ts'
import { createApp, type App } from '../support/app.ts'
import { filesOf, type SoakBranch, type SoakSite, type Version } from './site.ts'
import { Timeline } from './timeline.ts'

/** What the journal has to say of a deploy. */
export type Expected = Pick<DeployRecord, 'kind' | 'commit' | 'result'> & { readonly dryRun: boolean }

/** A release that was live at some time. */
interface Lived {
  readonly commit: string
  readonly release: string
  /** It was gone back to. */
  readonly back: boolean
}

export interface Course {
  readonly site: SoakSite
  readonly branch: SoakBranch
  /** A working copy of its own. */
  readonly app: App
  readonly timeline: Timeline
  /** Everything that has been deployed, oldest first. */
  readonly journal: Expected[]
  /** What has been live, oldest first. */
  readonly lived: Lived[]
  /** What each commit answers with. */
  readonly texts: Map<string, string>
  /** For messages: the step that it is at. */
  at: string
  /** The newest record that has been looked at. */
  seen: string
}

/** A branch with which nothing has been done yet. */
export async function createCourse(site: SoakSite, branch: SoakBranch): Promise<Course> {
  return {
    site,
    branch,
    app: await createApp(filesOf({ text: 'never pushed' }), { ...site.env }),
    timeline: new Timeline(),
    journal: [],
    lived: [],
    texts: new Map(),
    at: '',
    seen: '',
  }
}

/** Commits a version, and returns the commit. Each answers with a text of its own. */
export async function commitVersion(
  { app, branch, texts }: Course,
  kind: string,
  version: Omit<Version, 'text'> = {},
): Promise<string> {
  // All numbers are as long as each other, so that the sizes of checkouts can be compared.
  const text = `${branch.repo} ${branch.branch} ${kind} ${String(texts.size).padStart(5, '0')}`
  const commit = await app.commit(filesOf({ ...version, text }))
  texts.set(commit, text)
  return commit
}

/** Records that have come since the last step. */
export async function newsOf({ site, branch, seen }: Course): Promise<DeployRecord[]> {
  return (await listRecords(site.host.paths, branch)).filter(({ release }) => release > seen)
}

/** What a soak looks at of records. */
export function inShort(records: readonly DeployRecord[]): Expected[] {
  return records.map(({ kind, commit, result, dryRun = false }) => ({ kind, commit, result, dryRun }))
}

/** Takes note of deploys that have ended as they must. */
export function note(course: Course, records: readonly DeployRecord[]): void {
  course.journal.push(...inShort(records))
  for (const record of records) {
    course.seen = record.release
    if (record.result !== 'succeeded' || record.dryRun === true) continue
    course.timeline.add(record, course.texts.get(record.commit) ?? record.commit)
    const { commit, release, kind } = record
    course.lived.push({ commit, release, back: kind === 'rollback' })
  }
}
