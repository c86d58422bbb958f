/** The repo's own build script. */
import { runStep, type Builder } from './builder.ts'
import { hasExecutable } from './detect.ts'

export const buildSh: Builder = {
  name: '.build.sh',
  applies: (target) => hasExecutable(target.path, '.build.sh'),
  // By a shell, because a script without `#!` cannot be executed directly (execve(2), ENOEXEC).
  build: (job) => runStep(job, ['sh', '-c', './.build.sh']),
}
