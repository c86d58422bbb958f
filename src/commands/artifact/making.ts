/** The rows of the table for `artifact …` that make an artifact and look at one. */
import type { CommandSpec } from '../command.ts'
import { ROW } from './options.ts'

export const makingCommands: readonly CommandSpec[] = [
  {
    ...ROW,
    name: 'artifact build',
    arguments: '[source]',
    options: [
      ['--rev <rev>', 'commit, branch or tag (default: HEAD)'],
      ['--version <version>', 'default: the tag at the commit, else its time and id'],
      ['--output <dir>', 'where to put it (default: dist)'],
      ['--format <format>', 'tar.gz, tar.bz2, tar, zip or dir (default: tar.gz)'],
      ['--prebuild-script <file>', 'run before the build'],
      ['--postbuild-script <file>', 'run after it'],
      ['--no-download', 'build from the caches only'],
      ['--sign <key>', 'sign it with this SSH key'],
    ],
    help: 'make an artifact of a revision of a git repository: a directory (default: this one), or a URL',
    load: () => import('./build.ts'),
  },
  {
    ...ROW,
    name: 'artifact sign',
    arguments: '<file>',
    options: [['--key <key>', 'an SSH key, or the public one of a key in the agent']],
    help: 'sign an artifact; the signature is put beside it, as <file>.sig',
    load: () => import('./sign.ts'),
  },
  {
    ...ROW,
    name: 'artifact verify',
    arguments: '<file>',
    options: [
      ['--signature <file>', 'default: <file>.sig'],
      ['--allowed-signers <file>', 'who may sign (default: as configured)'],
      ['--identity <name>', 'who must have signed'],
    ],
    help: 'check an artifact: its files, and its signature',
    load: () => import('./verify.ts'),
  },
  {
    ...ROW,
    name: 'artifact clean-cache',
    help: 'remove what builds of artifacts keep for the next one',
    load: () => import('./clean-cache.ts'),
  },
]
