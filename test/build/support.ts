/** A checkout to build, with what a build prints and leaves. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Context } from '../../src/context.ts'
import type { Target } from '../../src/environment.ts'
import type { Output } from '../../src/system/output.ts'

/** Content of a file; `mode` for an executable. */
type Content = string | Buffer | { readonly text: string; readonly mode: number }

export function script(text: string): Content {
  return { text, mode: 0o755 }
}

export async function writeFiles(root: string, files: Readonly<Record<string, Content>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, name)
    await mkdir(dirname(path), { recursive: true })
    if (typeof content === 'string' || Buffer.isBuffer(content)) await writeFile(path, content)
    else await writeFile(path, content.text, { mode: content.mode })
  }
}

/** A checkout of the branch `main` of the repo `app` with these files. */
export async function checkoutWith(
  ctx: Context,
  name: string,
  files: Readonly<Record<string, Content>>,
  env: Readonly<Record<string, string>> = {},
): Promise<Target> {
  const path = ctx.paths.checkout({ repo: 'app', branch: 'main' }, name)
  await mkdir(path, { recursive: true })
  await writeFiles(path, files)
  return { path, commit: 'c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00', env }
}

export interface Recorded extends Output {
  readonly lines: readonly string[]
  /** Resolves when a line with this text comes, or has come. */
  seen(text: string): Promise<void>
}

export function recorded(): Recorded {
  const lines: string[] = []
  const waiting = new Set<{ text: string; resolve: () => void }>()
  return {
    lines,
    line(text) {
      lines.push(text)
      for (const entry of waiting) {
        if (!text.includes(entry.text)) continue
        waiting.delete(entry)
        entry.resolve()
      }
    },
    seen(text) {
      if (lines.some((line) => line.includes(text))) return Promise.resolve()
      return new Promise((resolve) => waiting.add({ text, resolve }))
    },
  }
}
