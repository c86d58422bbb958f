/** The program that is measured. The benchmarks run bundled, from `dist/` as well. */
import { fileURLToPath } from 'node:url'

export const PROGRAM = fileURLToPath(new URL('pypaas.js', import.meta.url))
