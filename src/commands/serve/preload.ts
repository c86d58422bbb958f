/** Everything that a command imports only when it needs it, for a process that outlives an upgrade of pypaas. */
import { commands } from '../index.ts'

/**
 * Loads it all. An upgrade replaces the files on the disk, and the parts of the version that runs are gone
 * from there; it goes on whole until it is restarted.
 */
export async function preload(): Promise<void> {
  await Promise.all([
    ...commands.map(({ load }) => load()),
    import('../../config/parse.ts'),
    import('../../deploy/cut-short.ts'),
    import('../../ssh/server.ts'),
    import('pino'),
    import('../../system/yaml.ts'),
  ])
}
