/** What this process and the programs that it has run have cost so far, as the kernel counts it. */
import { readFileSync } from 'node:fs'

export interface Cost {
  /** Milliseconds of processor time of this process. */
  readonly own: number
  /** Milliseconds of processor time of its children that have ended, and of theirs. */
  readonly children: number
  /** Bytes of all read calls of both: of files, pipes and sockets. */
  readonly read: number
}

/** Milliseconds of a clock tick: Linux shows USER_HZ, which is 100, whatever it counts in itself (time(7)). */
const TICK = 10

/** Children count from when they have been waited for: between two of these none may be at work. */
export function costSoFar(): Cost {
  const { user, system } = process.cpuUsage()
  return { own: (user + system) / 1000, children: childrenTime(), read: bytesRead() }
}

export function costSince(before: Cost): Cost {
  const now = costSoFar()
  return {
    own: now.own - before.own,
    children: now.children - before.children,
    read: now.read - before.read,
  }
}

/** `cutime` and `cstime` of proc_pid_stat(5). The program's name before them may hold spaces. */
function childrenTime(): number {
  const text = readFileSync('/proc/self/stat', 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  // The first of these is the third of all; the two are the 16th and 17th.
  return (Number(fields[13]) + Number(fields[14])) * TICK
}

/** `rchar` of proc_pid_io(5): a process takes over what its children have read when it waits for them. */
function bytesRead(): number {
  return Number(/^rchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1])
}
