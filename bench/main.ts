/**
 * The benchmarks: each subject prints its tables, and everything is kept in one file of `bench/results/`.
 * Ratios are of figures of one run; the figures of a noisy machine mean little alone.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, relative } from 'node:path'
import { messageOf } from '../src/errors.ts'
import { archives } from './archives.ts'
import { growth } from './growth.ts'
import { machineFacts } from './machine.ts'
import { parallel } from './parallel.ts'
import { polls } from './polls.ts'
import { projectFile } from './program.ts'
import { push } from './push.ts'
import { rollback } from './rollback.ts'
import { rollout } from './rollout.ts'
import { createEnds, type Bench, type Report, type Subject } from './subject.ts'
import { switching } from './switching.ts'
import { tableText } from './table.ts'
import { transfers } from './transfers.ts'

const SUBJECTS: readonly Subject[] = [
  push,
  switching,
  growth,
  parallel,
  rollback,
  archives,
  transfers,
  polls,
  rollout,
]
const USAGE = `npm run bench -- [--quick] [subject…]

  --quick    fewer runs and smaller sizes, to see that all of it works
${SUBJECTS.map(({ name, about }) => `  ${name.padEnd(10)} ${about}`).join('\n')}

PYPAAS_BENCH_RUNS sets how often what is short is measured.
`

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  const quick = args.includes('--quick')
  const names = args.filter((arg) => arg !== '--quick')
  const unknown = names.filter((name) => SUBJECTS.every((subject) => subject.name !== name))
  if (unknown.length > 0) {
    process.stderr.write(`${unknown.includes('--help') ? '' : `unknown: ${unknown.join(', ')}\n\n`}${USAGE}`)
    return unknown.includes('--help') ? 0 : 2
  }
  const chosen = SUBJECTS.filter(({ name }) => names.length === 0 || names.includes(name))
  const ends = createEnds()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // Not `once`: execa takes a signal that nobody listens to for the end.
    process.on(signal, () => {
      process.stderr.write('ending what was started …\n')
      void ends.all().finally(() => process.exit(130))
    })
  }
  const begun = new Date()
  const machine = await machineFacts()
  process.stdout.write(
    `${machine.cores} × ${machine.cpu}, ${Math.round(machine.memory / 2 ** 30)} GiB; kernel ${machine.kernel}, ` +
      `Node ${machine.node}, nginx ${machine.nginx}, git ${machine.git}, OpenSSH ${machine.openssh}; ` +
      `load ${machine.load.toFixed(1)}\n`,
  )
  const runs = Number(process.env['PYPAAS_BENCH_RUNS'] ?? (quick ? 3 : 9))
  const results: object[] = []
  let status = 0
  for (const subject of chosen) {
    const start = performance.now()
    const reports: Report[] = []
    const bench: Bench = {
      runs,
      quick,
      ends,
      report(report) {
        reports.push(report)
        print(report)
      },
      say: (text) => void process.stderr.write(`· ${text}\n`),
    }
    try {
      await subject.run(bench)
    } catch (error) {
      // The others are worth having all the same.
      process.stderr.write(`${subject.name}: ${messageOf(error)}\n`)
      status = 1
    } finally {
      await ends.all()
    }
    const seconds = Math.round((performance.now() - start) / 1000)
    results.push({
      subject: subject.name,
      seconds,
      reports: reports.map(({ title, data }) => ({ title, data })),
    })
  }
  const file = projectFile(`bench/results/${begun.toISOString().slice(0, 19).replaceAll(':', '')}.json`)
  await mkdir(dirname(file), { recursive: true })
  const kept = { begun, quick, runs, machine, results }
  await writeFile(file, `${JSON.stringify(kept, null, 2)}\n`)
  process.stdout.write(`\nkept in ${relative(process.cwd(), file)}\n`)
  return status
}

function print({ title, rows, notes = [] }: Report): void {
  process.stdout.write(`\n${title}\n\n${tableText(rows)}`)
  for (const note of notes) process.stdout.write(`${note}\n`)
}
