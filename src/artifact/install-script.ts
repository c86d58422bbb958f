/** `install.sh` of an artifact: its writing, and its running by pypaas. */
import { chmod, copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Context } from '../context.ts'
import type { Output } from '../system/output.ts'
import { stream } from '../system/run.ts'
import { templatePath } from '../templates.ts'

export const INSTALL_SCRIPT = 'install.sh'

/** Puts the script into the artifact that is being made at `root`. It reads what it installs from the files beside it. */
export async function writeInstallScript(root: string): Promise<string> {
  const path = join(root, INSTALL_SCRIPT)
  await copyFile(templatePath('artifact/install.sh'), path)
  await chmod(path, 0o755)
  return path
}

export interface InstallOptions {
  /** Where the virtualenv is to be; default: `venv` in the destination. Made if it is not there; the caller holds others off. */
  readonly venv?: string | undefined
  /** Default: python3 on PATH. */
  readonly python?: string | undefined
  readonly output: Output
  readonly signal?: AbortSignal | undefined
}

/**
 * Installs an unpacked artifact into `destination`, which is made, or is there and empty. A virtualenv holds absolute
 * paths: to rename the destination afterwards, name another place for it.
 * @throws PypaasError `failed` with the last lines of the script, and nothing is left behind; `cancelled`
 */
export async function installArtifact(
  ctx: Context,
  unpacked: string,
  destination: string,
  { venv, python, output, signal }: InstallOptions,
): Promise<void> {
  const options = [
    ...(python === undefined ? [] : ['-p', python]),
    ...(venv === undefined ? [] : ['-e', venv]),
  ]
  const argv = ['sh', join(unpacked, INSTALL_SCRIPT), ...options, '--', destination]
  await stream(argv, output, { cwd: unpacked, env: ctx.baseEnv, signal })
}
