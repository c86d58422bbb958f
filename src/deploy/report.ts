/** What a person sees of a deploy: headings, the programs' own output under them, timings, one last line. */
import { spawn } from 'node:child_process'
import type { PypaasError } from '../errors.ts'
import { streamOutput, type Output } from '../system/output.ts'

/** Lines of programs stand under the heading's text. */
const INDENT = '       '

export class Report implements Output {
  readonly #output: Output
  readonly #start = performance.now()

  constructor(output: Output) {
    this.#output = output
  }

  heading(text: string): void {
    this.#output.line(`-----> ${text}`)
  }

  line(text: string): void {
    this.#output.line(text === '' ? '' : `${INDENT}${text}`)
  }

  /** `1.2 s` since the deploy began. */
  get elapsed(): string {
    return seconds(performance.now() - this.#start)
  }

  /** Runs one step under a heading and says how long it took, if that is worth saying. */
  async step<T>(heading: string, work: () => Promise<T>): Promise<T> {
    this.heading(heading)
    const start = performance.now()
    const result = await work()
    const took = performance.now() - start
    if (took >= 100) this.line(`(${seconds(took)})`)
    return result
  }

  /** The phase, the reason, the last lines of what failed. */
  failure(phase: string, error: PypaasError): void {
    this.#output.line('')
    this.#output.line(` !     Phase ${phase} failed: ${error.message}`)
    if (error.where !== undefined) this.#output.line(` !     in ${error.where}`)
    for (const text of error.output) this.#output.line(` !     | ${text}`)
    if (error.hint !== undefined) this.#output.line(` !     ${error.hint}`)
  }

  warning(text: string): void {
    this.#output.line(` !     ${text}`)
  }

  /** A line at the margin. */
  plain(text: string): void {
    this.#output.line(text)
  }
}

/** Milliseconds as a person reads them. */
export function seconds(milliseconds: number): string {
  const value = milliseconds / 1000
  return value < 9.95
    ? `${value.toFixed(2)} s`
    : value < 99.5
      ? `${value.toFixed(1)} s`
      : `${Math.round(value)} s`
}

export interface DeployLogger extends Output {
  /** Hands over what is left, for a second at most. */
  end(): Promise<void>
}

/** `deploy_logger_cmd`: gets a copy of every line. Its death never fails a deploy. */
export function deployLogger(
  command: string | undefined,
  env: Readonly<Record<string, string>>,
): DeployLogger {
  if (command === undefined) return { line() {}, end: () => Promise.resolve() }
  const child = spawn('sh', ['-c', command], { stdio: ['pipe', 'ignore', 'ignore'], env })
  child.on('error', () => {})
  child.unref()
  const output = streamOutput(child.stdin)
  return {
    line: (text) => output.line(text),
    end: () =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, 1000)
        child.stdin.once('close', () => {
          clearTimeout(timer)
          resolve()
        })
        child.stdin.end()
      }),
  }
}
