/**
 * The ports with which nginx starts, in a file that it reads before it listens; what is live tells them anew at
 * any time. They go into the file first and from there into the memory of the nginx that runs: one that is being
 * started meanwhile has read the file, or is told by whoever starts it. The caller holds `nginx.lock`.
 */
import { chmod, mkdir, open, rename, rm } from 'node:fs/promises'
import type { Context } from '../context.ts'
import { messageOf } from '../errors.ts'
import { readIfThere, syncDirectory, temporaryBeside } from '../system/files.ts'
import { parsePorts, portText, readPorts, samePorts, setPorts, type PortMap } from './dictionary.ts'
import { switchPaths } from './switching.ts'

/** Ports that are ready to be put in force. */
export interface StagedSeed {
  /** False: they are in the file already. */
  readonly changed: boolean
  /** Puts the file in force: one rename. */
  commit(): Promise<void>
  /** Has the rename on the disk. */
  settle(): Promise<void>
  /** Takes that back, as far as it can be done. */
  putBack(): Promise<void>
  /** Forgets it, before it is put in force. */
  discard(): Promise<void>
}

export async function readSeed(ctx: Context): Promise<PortMap> {
  return parsePorts((await readIfThere(switchPaths(ctx.paths).seed)) ?? '')
}

/** Writes the seed beside the one in force, so that a full disk is found before SWITCH. */
export async function stageSeed(ctx: Context, ports: PortMap, former: PortMap): Promise<StagedSeed> {
  if (samePorts(ports, former)) {
    return { changed: false, commit: nothing, settle: nothing, putBack: nothing, discard: nothing }
  }
  const next = await writeNext(ctx, ports)
  return {
    changed: true,
    commit: () => commitNext(ctx, next),
    settle: () => settleSeed(ctx),
    discard: () => rm(next, { force: true }),
    async putBack() {
      try {
        await commitNext(ctx, await writeNext(ctx, former))
        await settleSeed(ctx)
      } catch (error) {
        ctx.log.error({ reason: messageOf(error) }, 'the ports with which nginx starts were not put back')
      }
    },
  }
}

/**
 * Makes the running nginx route to just the ports of the seed. Does nothing where it does so already.
 * @throws PypaasError if it does not answer, or not take them
 */
export async function tellSeed(ctx: Context): Promise<void> {
  const ports = await readSeed(ctx)
  if (!samePorts(await readPorts(ctx), ports)) await setPorts(ctx, ports, 'removed')
}

/** Makes the directory of the control socket, which only our user may enter; nginx fails without it. */
export async function makeSwitchDirectory(ctx: Context): Promise<void> {
  const { directory } = switchPaths(ctx.paths)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await chmod(directory, 0o700)
}

function nothing(): Promise<void> {
  return Promise.resolve()
}

/** Returns the path of the file that is to be the next seed. */
async function writeNext(ctx: Context, ports: PortMap): Promise<string> {
  const next = temporaryBeside(switchPaths(ctx.paths).seed)
  const file = await open(next, 'wx', 0o600)
  try {
    await file.writeFile(portText(ports))
    await file.sync()
  } catch (error) {
    await rm(next, { force: true })
    throw error
  } finally {
    await file.close()
  }
  return next
}

async function commitNext({ paths }: Context, next: string): Promise<void> {
  await rename(next, switchPaths(paths).seed)
}

async function settleSeed({ paths }: Context): Promise<void> {
  await syncDirectory(switchPaths(paths).directory)
}
