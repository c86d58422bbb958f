/** What the program loads only when it needs it, for a process that outlives an upgrade of pypaas. */
import { commands } from '../index.ts'

/**
 * Loads the libraries that lie beside the program, and all commands. An upgrade replaces the files on the disk, and
 * what the version that runs has not loaded is gone from there; it goes on whole until it is restarted. Only the
 * client of S3, a quarter of the daemon's memory, waits until a store or a source asks for it.
 */
export async function preload(): Promise<void> {
  await Promise.all([
    ...commands.map(({ load }) => load()),
    import('../accept-push.ts'),
    import('../../artifact/unpack-tar.ts'),
    import('../../artifact/unpack-zip.ts'),
    import('../../config/parse.ts'),
    import('../../ssh/server.ts'),
    import('pino'),
    import('simple-git'),
    import('../../system/yaml.ts'),
  ])
}
