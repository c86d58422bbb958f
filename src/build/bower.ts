/** bower.json: packages for the browser. */
import { PypaasError } from '../errors.ts'
import { runStep, type Builder } from './builder.ts'
import { hasFile } from './detect.ts'
import { findProgram } from './runtime.ts'

export const bower: Builder = {
  name: 'bower',
  applies: (target) => hasFile(target.path, 'bower.json'),
  async build(job) {
    if (findProgram('bower', job.env) === undefined) {
      throw new PypaasError('failed', 'bower.json is there, but bower is not installed', {
        hint: 'add bower to the dependencies in package.json, or run `npm install -g bower` on this host',
      })
    }
    const root = process.getuid?.() === 0
    // It asks questions otherwise, and refuses to run as root.
    await runStep(job, ['bower', 'install', '--config.interactive=false', ...(root ? ['--allow-root'] : [])])
  },
}
