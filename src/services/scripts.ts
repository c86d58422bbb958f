/** The scripts and the environment file of a service, as text. Pure. */
import mustache from 'mustache'
import { PypaasError } from '../errors.ts'
import { shellQuote } from '../system/shell.ts'
import { execWords } from './command-line.ts'

/** What a run or log script is about. */
export interface ScriptSubject {
  readonly repo: string
  readonly branch: string
  readonly release: string
  readonly checkoutPath: string
  readonly runner: string
  readonly index: number
  readonly port: number | undefined
  readonly cmd: string
  /** The file with the process's environment. */
  readonly envFile: string
  /** Seconds. */
  readonly stopTimeout: number
}

/** Shell text that goes into a script as it is. */
interface ShellText {
  readonly shell: string
  toString(): string
}

function shellText(shell: string): ShellText {
  return { shell, toString: () => shell }
}

/** A name that is also a group of values: `{{repo}}` and `{{repo.name}}` are the same. */
interface Named {
  readonly name: string
  toString(): string
}

function named(name: string): Named {
  return { name, toString: () => name }
}

/** The names that a template of the operator may use, in `{{…}}` or, as in pyPaaS, in `{…}`. */
const PLACEHOLDERS = [
  'checkout.path',
  'env_cmds',
  'cmd',
  'repo',
  'repo.name',
  'branch',
  'branch.name',
  'release',
  'runner',
  'runner.name',
  'index',
  'port',
  'stop_timeout',
]
const NAMES = PLACEHOLDERS.map((name) => name.replace('.', '\\.')).join('|')
const MUSTACHE = new RegExp(`\\{\\{[{&]?\\s*(?:${NAMES})\\s*\\}`)
/** Not `\${cmd}`, which is the shell's, nor a part of `{{cmd}}`. */
const OLD = new RegExp(`(?<![{$])\\{(${NAMES})\\}(?!\\})`, 'g')
/** What pyPaaS's templates (Python's str.format) hold: doubled braces, which stand for one, and placeholders. */
const OLD_TOKENS = new RegExp(`\\{\\{|\\}\\}|(?<!\\$)\\{(${NAMES})\\}`, 'g')

/**
 * Renders a run or log script. Values are quoted for the shell; `cmd` and
 * `env_cmds` are shell text and are not. A template that has old placeholders
 * and no new ones follows pyPaaS's rules, where `{{` is a literal brace;
 * any other is Mustache. A shell's own `${VAR}` stays in both.
 */
export function renderScript(template: string, subject: ScriptSubject): string {
  const view = viewOf(subject)
  if (!MUSTACHE.test(template) && template.search(OLD) >= 0) {
    return template.replaceAll(OLD_TOKENS, (token, name?: string) =>
      name === undefined ? token.slice(1) : escape(lookup(view, name)),
    )
  }
  return mustache.render(template.replaceAll(OLD, '{{$1}}'), view, undefined, { escape })
}

function viewOf(subject: ScriptSubject): Record<string, unknown> {
  return {
    checkout: { path: subject.checkoutPath },
    env_cmds: shellText(`. ${shellQuote(subject.envFile)}`),
    cmd: shellText(execWords(subject.cmd)),
    repo: named(subject.repo),
    branch: named(subject.branch),
    release: subject.release,
    runner: named(subject.runner),
    index: subject.index,
    port: subject.port ?? shellText(''),
    stop_timeout: Math.ceil(subject.stopTimeout),
  }
}

function lookup(view: Record<string, unknown>, name: string): unknown {
  return name
    .split('.')
    .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], view)
}

function escape(value: unknown): string {
  return isShellText(value) ? value.shell : shellQuote(String(value))
}

function isShellText(value: unknown): value is ShellText {
  return typeof value === 'object' && value !== null && 'shell' in value
}

/**
 * The file that a run script sources: exactly this environment, whatever the
 * values hold. Two names are special: `OLDPWD` would be the service's directory,
 * which `cd` leaves there, and the mark of the release must stay what it is.
 * @throws PypaasError `config` for a name that a shell cannot export, or a NUL in a value
 */
export function environmentFile(env: Readonly<Record<string, string>>): string {
  const lines = Object.entries({ ...env }).flatMap(([name, value]) => {
    if (name === MARK) return []
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      throw new PypaasError('config', `no process can have an environment variable called \`${name}\``, {
        hint: 'use letters, digits and underscores, and no digit in front',
      })
    }
    if (value.includes('\0')) {
      throw new PypaasError('config', `the value of the environment variable ${name} holds a NUL character`)
    }
    return `export ${name}='${value.replaceAll("'", "'\\''")}'`
  })
  return [...(env['OLDPWD'] === undefined ? ['unset OLDPWD'] : []), ...lines, ''].join('\n')
}

/** The variable that marks every process of a release; see `members.ts`. */
export const MARK = 'PYPAAS_RELEASE'

export interface HostScriptSubject {
  readonly lock: string
  readonly directory: string
  readonly mark: string
  readonly path: string
  /** What the release's svscan itself has to say. */
  readonly log: string
}

/** The run script of the host's service for a release. */
export function renderHostScript(template: string, subject: HostScriptSubject): string {
  return mustache.render(template, subject, undefined, { escape })
}
