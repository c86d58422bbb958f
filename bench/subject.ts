/** What a benchmark is: a subject that is measured, and what it reports. */

export interface Subject {
  /** As it is named on the command line. */
  readonly name: string
  readonly about: string
  run(bench: Bench): Promise<void>
}

/** What a subject works with. */
export interface Bench {
  /** How often what is short is measured. */
  readonly runs: number
  /** Smaller sizes and shorter loads: to see that all of it works. */
  readonly quick: boolean
  readonly ends: Ends
  report(report: Report): void
  /** One line of progress. */
  say(text: string): void
}

/** A table, and the same figures for programs. */
export interface Report {
  readonly title: string
  /** The first is the heading. */
  readonly rows: readonly (readonly string[])[]
  readonly notes?: readonly string[]
  readonly data: unknown
}

/** What was started and has to be ended, whatever happens. */
export interface Ends {
  /** Returns what ends it now; it is done once. */
  add(end: () => Promise<void>): () => Promise<void>
  /** Ends everything, newest first. */
  all(): Promise<void>
}

export function createEnds(): Ends {
  const open: (() => Promise<void>)[] = []
  return {
    add(end) {
      let ended: Promise<void> | undefined
      // It stays until it has ended, so that whoever asks for all meanwhile waits for it before going on.
      const once = (): Promise<void> => {
        ended ??= end().finally(() => {
          const at = open.indexOf(once)
          if (at !== -1) open.splice(at, 1)
        })
        return ended
      }
      open.push(once)
      return once
    },
    async all() {
      for (let last = open.at(-1); last !== undefined; last = open.at(-1)) await last()
    },
  }
}
