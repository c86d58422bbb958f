/** setup.py or pyproject.toml: the app itself, installed into `venv` so that its code stays in the checkout. */
import { join } from 'node:path'
import { readIfThere } from '../system/files.ts'
import { runStep, type Builder } from './builder.ts'
import { hasFile } from './detect.ts'
import { hasVenv, makeVenv } from './venv.ts'

export const setupPy: Builder = {
  name: 'setup_py',
  async applies(target) {
    if (await hasFile(target.path, 'setup.py')) return true
    // Many a pyproject.toml only holds the settings of a linter; that one cannot be installed.
    const project = await readIfThere(join(target.path, 'pyproject.toml'))
    return project !== undefined && /^\s*\[\s*(project|build-system)\s*\]/m.test(project)
  },
  async build(job) {
    if (!(await hasVenv(job.target.path))) await makeVenv(job, 'venv')
    await runStep(job, ['venv/bin/python', '-m', 'pip', 'install', '-e', '.'])
  },
}
