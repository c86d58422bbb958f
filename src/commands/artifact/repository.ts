/** The rows of the table for `artifact …` that are about the repository of artifacts. */
import type { CommandSpec } from '../command.ts'
import { ROW, STORE, WHICH } from './options.ts'

export const repositoryCommands: readonly CommandSpec[] = [
  {
    ...ROW,
    name: 'artifact put',
    arguments: '<app> <version> <file>',
    options: [...WHICH, ['--meta <name=value...>', 'more to keep with it'], STORE],
    help: 'store a file as a version of an app; `latest` moves to the newest',
    load: () => import('./put.ts'),
  },
  {
    ...ROW,
    name: 'artifact get',
    arguments: '<app> [version]',
    options: [...WHICH, ['--output <file>', 'where to put it (default: its name, here)'], STORE],
    help: 'fetch a version (default: the latest), checked',
    load: () => import('./get.ts'),
  },
  {
    ...ROW,
    name: 'artifact versions',
    arguments: '<app>',
    options: [...WHICH, STORE],
    help: 'the versions of an app, oldest first; * is the latest',
    load: () => import('./versions.ts'),
  },
  {
    ...ROW,
    name: 'artifact apps',
    options: [STORE],
    help: 'the apps in the repository',
    load: () => import('./apps.ts'),
  },
  {
    ...ROW,
    name: 'artifact targets',
    arguments: '<app>',
    options: [STORE],
    help: 'the targets of an app',
    load: () => import('./targets.ts'),
  },
  {
    ...ROW,
    name: 'artifact files',
    arguments: '<app>',
    options: [WHICH[0], STORE],
    help: 'the artifacts of a target of an app',
    load: () => import('./files.ts'),
  },
  {
    ...ROW,
    name: 'artifact meta',
    arguments: '<app> [version]',
    options: [...WHICH, STORE],
    help: 'what is kept with a version (default: the latest)',
    load: () => import('./meta.ts'),
  },
  {
    ...ROW,
    name: 'artifact delete',
    arguments: '<app> <version>',
    options: [...WHICH, STORE],
    help: 'remove a version; `latest` goes back to the one before it',
    load: () => import('./delete.ts'),
  },
  {
    ...ROW,
    name: 'artifact gc',
    arguments: '[app]',
    options: [
      ['--target <name>', 'of this target only (default: all)'],
      ['--max-versions <number>', 'how many versions of each artifact to keep'],
      ['--dry-run', 'show what would be removed'],
      STORE,
    ],
    help: 'remove old versions, never the latest or one that a host reports live',
    load: () => import('./gc.ts'),
  },
]
