/** `npm start` in a copy of the project, as a newcomer runs it in a terminal. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { onTestFinished } from 'vitest'
import { temporaryDirectory } from './context.ts'
import { leftovers } from './host.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface Started {
  /** Everything that it has said so far. */
  readonly said: () => string
  /** Resolves at a line that matches. Rejects if it ends before. */
  line(pattern: RegExp): Promise<string>
  /** Ctrl-C: the terminal signals the whole process group, npm too. Resolves when all of it has ended. */
  interrupt(): Promise<void>
  /** The exit status. */
  readonly ended: Promise<number | null>
}

/** A copy of what a clone holds, below a path with a blank, with the packages that are installed here. */
export async function cloneProject(): Promise<string> {
  const clone = join(await temporaryDirectory(), 'my pypaas')
  const { stdout } = await execa('git', ['ls-files', '-z', '-co', '--exclude-standard'], { cwd: ROOT })
  for (const file of stdout.split('\0').filter((name) => name !== '' && name !== 'node_modules')) {
    await mkdir(dirname(join(clone, file)), { recursive: true })
    // A file may have been removed since it was listed, while others work here.
    await cp(join(ROOT, file), join(clone, file)).catch(() => {})
  }
  await symlink(join(ROOT, 'node_modules'), join(clone, 'node_modules'))
  return clone
}

/** The configuration that the first start makes, with these ports in the place of the usual ones. */
export async function presetConfig(
  clone: string,
  ports: { readonly ssh: number; readonly http: number; readonly https: number; readonly min: number },
): Promise<void> {
  const config = join(clone, '.pypaas', 'config')
  await cp(join(ROOT, 'config.example'), config, { recursive: true })
  const file = join(config, 'pypaas.yml')
  const text = await readFile(file, 'utf8')
  const changed = text
    .replace('127.0.0.1:2222', `127.0.0.1:${ports.ssh}`)
    .replace('127.0.0.1:8080', `127.0.0.1:${ports.http}`)
    .replace('127.0.0.1:8443', `127.0.0.1:${ports.https}`)
    .replace('min: 61500', `min: ${ports.min}`)
    .replace('max: 61800', `max: ${ports.min + 20}`)
  await writeFile(file, changed)
}

/** Starts it. It is ended with the test. */
export function npmStart(clone: string): Started {
  const child = spawn('npm', ['start'], { cwd: clone, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const said: string[] = []
  const waiting = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      said.push(line)
      for (const look of waiting) look()
    })
  }
  const ended = once(child, 'close').then(([status]) => status as number | null)
  const signal = (name: NodeJS.Signals): void => {
    try {
      process.kill(-(child.pid ?? 0), name)
    } catch {
      // All of it has ended.
    }
  }
  onTestFinished(async () => {
    signal('SIGINT')
    await ended
    for (const left of await leftovers(clone)) process.kill(Number(left.split(' ')[0]), 'SIGKILL')
  })
  return {
    said: () => said.join('\n'),
    ended,
    line: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = said.find((line) => pattern.test(line))
          if (found === undefined) return
          waiting.delete(look)
          resolve(found)
        }
        waiting.add(look)
        look()
        void ended.then((status) => reject(new Error(`npm start ended with ${status}:\n${said.join('\n')}`)))
      }),
    async interrupt() {
      signal('SIGINT')
      await ended
    },
  }
}
