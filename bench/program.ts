/** The program that is measured, and the project that it comes from. The benchmarks run bundled, beside it. */
import { fileURLToPath } from 'node:url'

export const PROGRAM = fileURLToPath(new URL('pypaas.js', import.meta.url))

/** A file of the project. */
export function projectFile(path: string): string {
  return fileURLToPath(new URL(`../${path}`, import.meta.url))
}
