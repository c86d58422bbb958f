/** Loaded into the daemon: on SIGUSR2 it collects its garbage, and writes down the bytes that are left in use. */
import { renameSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')
const file = process.env.PYPAAS_SOAK_MEMORY ?? ''

process.on('SIGUSR2', () => {
  collect()
  const { heapUsed, external } = process.memoryUsage()
  writeFileSync(`${file}.next`, String(heapUsed + external))
  renameSync(`${file}.next`, file)
})
