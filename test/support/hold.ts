/** Commands that wait for the test, so that a test can be in the middle of a deploy for as long as it likes. */
import { access, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Host } from './host.ts'
import { SOON } from './web.ts'

/** For `sh`: says that it has begun, and goes on when {@link release} says so. The home is `HOME` of every hook. */
export function holding(name: string): string {
  return `touch "$HOME/${name}.begun"; while [ ! -e "$HOME/${name}.go" ]; do sleep 0.02; done`
}

/** Resolves when the command has begun. */
export async function begun({ home }: Host, name: string): Promise<void> {
  await expect.poll(() => exists(join(home, `${name}.begun`)), SOON).toBe(true)
}

/** Lets the command go on. */
export async function release({ home }: Host, name: string): Promise<void> {
  await writeFile(join(home, `${name}.go`), '')
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
