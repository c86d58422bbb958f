/** The rows of the table for `fleet …`. */
import type { CommandSpec } from '../command.ts'

export const fleetCommands: readonly CommandSpec[] = [
  {
    name: 'fleet status',
    arguments: '[app] [target]',
    help: 'version, health and turn of each host, and roll-outs that are stopped',
    ssh: true,
    right: 'read',
    json: true,
    recovers: false,
    load: () => import('./status.ts'),
  },
  {
    name: 'fleet resume',
    arguments: '<app> [target]',
    help: 'let hosts go to a version again that failed on one',
    ssh: true,
    right: 'operate',
    recovers: false,
    load: () => import('./resume.ts'),
  },
  {
    name: 'fleet forget',
    arguments: '<host>',
    help: 'take a host that is gone for good out of the reports: what it ran may be removed',
    ssh: true,
    right: 'operate',
    recovers: false,
    load: () => import('./forget.ts'),
  },
]
