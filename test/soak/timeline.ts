/** What was live when, as the journal tells it; and which answers could not have come from what was live. */
import type { DeployRecord } from '../../src/deploy/journal.ts'
import type { Answer } from '../support/load.ts'

/** One release's time as the live one, in milliseconds of `performance.now()`. */
interface Span {
  readonly text: string
  /** Its SWITCH began. */
  readonly from: number
  /** The next one's SWITCH had been done. */
  until: number
}

/** Milliseconds by which two readings of clocks that count whole ones may differ. */
const ROUNDING = 2

/** A branch's releases, in the order in which they were live. */
export class Timeline {
  readonly #spans: Span[] = []

  /** Adds a deploy that has gone live, right after it has: the host's clock may be set while the soak runs. */
  add(record: DeployRecord, text: string): void {
    const offset = Date.now() - performance.now()
    const phase = record.phases.find(({ name }) => name === 'switch')
    const from = Date.parse(phase?.began ?? '') - offset - ROUNDING
    const last = this.#spans.at(-1)
    if (last !== undefined) last.until = Date.parse(phase?.ended ?? '') - offset + ROUNDING
    this.#spans.push({ text, from, until: Number.POSITIVE_INFINITY })
  }

  get live(): string {
    return this.#spans.at(-1)?.text ?? 'nothing'
  }

  /** Answers other than 200 with the text of a release that was live while they were asked for; in words. */
  wrong(answers: readonly Answer[]): string[] {
    const spans = new Map<string, Span[]>()
    for (const span of this.#spans) {
      const text = `200 ${span.text}`
      spans.set(text, [...(spans.get(text) ?? []), span])
    }
    return answers
      .filter(({ text, begun, ended }) => {
        const lived = spans.get(text) ?? []
        return !lived.some(({ from, until }) => begun <= until && ended >= from)
      })
      .map(({ text, begun, ended }) => `${text} to ${begun} - ${ended}, live: ${this.#at(begun, ended)}`)
  }

  #at(begun: number, ended: number): string {
    return this.#spans
      .filter(({ from, until }) => begun <= until && ended >= from)
      .map(({ text, from, until }) => `${text} ${from} - ${until}`)
      .join(', ')
  }
}
