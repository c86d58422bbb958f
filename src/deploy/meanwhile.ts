/** What a phase has begun and need not wait for: looking around and writing to the disk while programs run. */
import type { PhaseName } from './plan.ts'

interface Begun {
  readonly phase: PhaseName
  readonly work: Promise<unknown>
}

export class Meanwhile {
  readonly #begun: Begun[] = []
  #failed: PhaseName | undefined

  /** @param work fails the deploy when somebody waits for it with {@link done} */
  begin(phase: PhaseName, work: Promise<unknown>): void {
    work.catch(() => {})
    this.#begun.push({ phase, work })
  }

  /** @throws what the first work that failed has thrown; then {@link failed} tells whose it was */
  async done(): Promise<void> {
    for (const { phase, work } of this.#begun) {
      try {
        await work
      } catch (error) {
        this.#failed = phase
        throw error
      }
    }
  }

  get failed(): PhaseName | undefined {
    return this.#failed
  }

  /** None of it is at work any more, however it went. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#begun.map(({ work }) => work))
  }
}
