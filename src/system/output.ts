/** Where the lines of a deploy or a command go: the push's client, the deploy's log, a terminal. */

export interface Output {
  /** Takes one line, without its line end. Never throws: a reader that has gone is not a failure. */
  line(text: string): void
}

/** Every line to all of these. */
export function tee(...outputs: readonly Output[]): Output {
  return {
    line(text) {
      for (const output of outputs) output.line(text)
    },
  }
}

/** Swallows everything. */
export const silent: Output = { line() {} }

/** Writes lines to a stream, for as long as it takes them. */
export function streamOutput(stream: NodeJS.WritableStream): Output {
  stream.on('error', () => {})
  return {
    line(text) {
      if (stream.writable) stream.write(`${text}\n`)
    },
  }
}

/** Keeps the last `limit` lines: what to show of a command that failed. */
export function lastLines(limit: number): Output & { readonly lines: readonly string[] } {
  const lines: string[] = []
  return {
    lines,
    line(text) {
      lines.push(text)
      if (lines.length > limit) lines.shift()
    },
  }
}
