/** From words to a command of the table, whichever entrance they came through. */
import { Command, CommanderError } from 'commander'
import { PypaasError } from '../errors.ts'
import type { CommandSpec, Session } from './command.ts'
import { commands, groups } from './index.ts'

/** A parsed command line. `help` is text to print instead of running anything. */
export type Request =
  | {
      readonly kind: 'run'
      readonly spec: CommandSpec
      readonly args: readonly string[]
      /** The command's own, and the global ones. */
      readonly options: Readonly<Record<string, unknown>>
      readonly global: GlobalOptions
    }
  | { readonly kind: 'help'; readonly text: string; readonly status: number }

export interface GlobalOptions {
  readonly home?: string
  readonly config?: string
  readonly json?: boolean
}

/**
 * Parses a command line.
 * @param words without the program's name
 * @throws PypaasError `usage`; `denied` for a command that does not come over SSH
 */
export function parseRequest(words: readonly string[], via: Session['via']): Request {
  let request: Request | undefined
  const program = programFor(via)
  const printed: string[] = []
  const print = (text: string): unknown => printed.push(text)
  program.exitOverride().configureOutput({ writeOut: print, writeErr: print, outputError() {} })
  for (const spec of commands) {
    if (via === 'ssh' && !spec.ssh) continue
    addCommand(program, spec, (args, options) => {
      request = { kind: 'run', spec, args, options, global: program.opts<GlobalOptions>() }
    })
  }
  try {
    program.parse([...words], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    const isHelp = error.code === 'commander.helpDisplayed' || error.code === 'commander.help'
    const wanted = error.exitCode === 0
    if (!isHelp || (!wanted && program.args.length > 0)) throw usageError(error, program, via)
    return { kind: 'help', text: printed.join(''), status: wanted ? 0 : 2 }
  }
  return request ?? { kind: 'help', text: program.helpInformation(), status: 2 }
}

function programFor(via: Session['via']): Command {
  const program = new Command(via === 'ssh' ? 'ssh deploy@host' : 'pypaas')
    // A command's options are in its own help; here they would push the texts aside.
    .configureHelp({ subcommandTerm: (command) => `${command.name()} ${argumentsOf(command)}`.trimEnd() })
    .helpCommand('help [command]', 'what can be done, or how a command is used')
    .helpOption('-h, --help', 'show this')
    .option('--json', 'print the report as JSON, for commands that make one')
  if (via === 'ssh') {
    return program.usage('<command>').addHelpText('before', `${GIT_USAGE}\n`)
  }
  return program
    .usage('[options] <command>')
    .description('git push to your own server')
    .option('--home <dir>', 'the home of pypaas (default: PYPAAS_HOME, or the home of this user)')
    .option('--config <dir>', 'the configuration (default: PYPAAS_CONFIG, <home>/config or /etc/pypaas)')
}

/** What a key can do beside the commands: git calls these by itself. */
const GIT_USAGE = `Usage: git push deploy@host:<repo> <branch>
       git clone deploy@host:<repo>`

function argumentsOf(command: Command): string {
  return command.registeredArguments
    .map((argument) => {
      const name = `${argument.name()}${argument.variadic ? '...' : ''}`
      return argument.required ? `<${name}>` : `[${name}]`
    })
    .join(' ')
}

function addCommand(
  program: Command,
  spec: CommandSpec,
  chosen: (args: readonly string[], options: Readonly<Record<string, unknown>>) => void,
): void {
  const options = spec.options ?? []
  const [first = '', second] = spec.name.split(' ')
  const parent = second === undefined ? program : groupOf(program, first)
  const command = parent.command(second ?? first, { hidden: spec.hidden === true }).description(spec.help)
  // The usage without commander's [options], which says nothing.
  const usage = [...options.map(([flags]) => `[${flags}]`), spec.usage ?? spec.arguments ?? '']
  command.usage(usage.filter(Boolean).join(' '))
  if (spec.arguments !== undefined) command.arguments(spec.arguments)
  if (spec.json === true) command.option('--json', 'print the report as JSON')
  for (const [flags, help] of options) command.option(flags, help)
  command.action(() => chosen(command.args, command.optsWithGlobals<Record<string, unknown>>()))
}

/** `artifact put` is `put` of the group `artifact`. */
function groupOf(program: Command, name: string): Command {
  const found = program.commands.find((command) => command.name() === name)
  if (found !== undefined) return found
  return program
    .command(name)
    .description(groups[name] ?? '')
    .usage('<command>')
}

function usageError(error: CommanderError, program: Command, via: Session['via']): PypaasError {
  const words = program.args.filter((word) => !word.startsWith('-') && word !== 'help')
  const [asked] = words
  const group = program.commands.find((each) => each.name() === asked && each.commands.length > 0)
  const inGroup = group?.commands.find((each) => each.name() === words[1])
  const two = words.slice(0, 2).join(' ')
  const spec = commands.find(
    ({ name }) => name === asked || name === two || (group === undefined && name.startsWith(`${asked} `)),
  )
  if (via === 'ssh' && spec !== undefined && !spec.ssh) {
    return new PypaasError('denied', `\`${spec.name}\` cannot be run over SSH`, {
      hint: 'run it on the host',
    })
  }
  const command = inGroup ?? program.commands.find((each) => each.name() === asked)
  const isHelp = error.code === 'commander.help'
  const message =
    group !== undefined && isHelp
      ? `\`${group.name()}\` is followed by what to do`
      : isHelp
        ? `unknown command '${asked ?? program.args.join(' ')}'`
        : error.message.replace(/^error: /, '')
  return new PypaasError('usage', message.replaceAll('\n', ' '), {
    hint:
      command === undefined
        ? `\`${program.name()} help\` lists what you can do`
        : command === group
          ? `\`${program.name()} help ${group.name()}\` lists what there is`
          : `usage: ${program.name()} ${inGroup === undefined ? '' : `${asked} `}${command.name()} ${command.usage()}`.trimEnd(),
  })
}
