/** What has to be done by SWITCH, but need not be waited for before: writing to the disk while processes boot. */
export class Meanwhile {
  readonly #work: Promise<unknown>[] = []

  begin(work: Promise<unknown>): void {
    // A failure is told by `done`, which may come later.
    work.catch(() => {})
    this.#work.push(work)
  }

  /** @throws what the first work that failed has thrown */
  async done(): Promise<void> {
    await Promise.all(this.#work)
  }

  /** None of it is at work any more, however it went. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#work)
  }
}
