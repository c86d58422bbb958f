/** How a project is tested, by the files that it has. Pure. */

/** What is looked at: undefined where there is no such file. */
export interface ProjectFiles {
  text(path: string): string | undefined
  /** Also for directories. */
  has(path: string): boolean
  isExecutable(path: string): boolean
}

const SCRIPT = 'scripts/test.sh'

/** A shell command; undefined: the project has no tests that can be found. */
export function testCommand(files: ProjectFiles): string | undefined {
  // As a build of the artifact runs it: many a script has lost its mode on the way through another system.
  if (files.has(SCRIPT)) return files.isExecutable(SCRIPT) ? `./${SCRIPT}` : `sh ./${SCRIPT}`
  if (scriptOf(files.text('package.json'), 'test') !== undefined) {
    if (files.has('pnpm-lock.yaml')) return 'pnpm test'
    return files.has('yarn.lock') ? 'yarn test' : 'npm test'
  }
  if (files.has('pytest.ini') || /^\[tool\.pytest/m.test(files.text('pyproject.toml') ?? ''))
    return 'python3 -m pytest'
  const python = files.has('setup.py') || files.has('pyproject.toml')
  if (python && (files.has('tests') || files.has('test'))) return 'python3 -m unittest discover'
  return /^test:/m.test(files.text('Makefile') ?? '') ? 'make test' : undefined
}

/** npm's own stand-in for tests that nobody has written fails always, and counts as none. */
function scriptOf(text: string | undefined, name: string): string | undefined {
  try {
    const { scripts } = JSON.parse(text ?? '{}') as { scripts?: Record<string, unknown> }
    const script = scripts?.[name]
    return typeof script === 'string' && !script.includes('no test specified') ? script : undefined
  } catch {
    return undefined
  }
}
