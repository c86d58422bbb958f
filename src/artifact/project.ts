/** What a project says of itself: its name, and the deployment system that it was made for. */
import { join } from 'node:path'
import { PypaasError } from '../errors.ts'
import { readIfThere } from '../system/files.ts'
import { COMPAT } from './info.ts'

/**
 * From package.json or pyproject.toml, else that of the directory or URL; as far as a file name can have it
 * (`@org/shop` becomes `org-shop`).
 */
export async function projectName(path: string, otherwise: string): Promise<string> {
  const named = (await nameInPackageJson(path)) ?? (await nameInPyproject(path)) ?? otherwise
  return fileSafe(named) || fileSafe(otherwise) || 'app'
}

/**
 * The level in `deploy/compat`; the present one if the project does not say.
 * @throws PypaasError if it is no number
 */
export async function compatOf(path: string): Promise<number> {
  const text = (await readIfThere(join(path, 'deploy', 'compat')))?.trim()
  if (text === undefined) return COMPAT
  if (/^\d{1,3}$/.test(text)) return Number(text)
  throw new PypaasError('failed', `deploy/compat holds ${JSON.stringify(text)}, which is no level`, {
    where: 'deploy/compat',
    hint: `write ${COMPAT} into it, or remove it`,
  })
}

async function nameInPackageJson(path: string): Promise<string | undefined> {
  const text = await readIfThere(join(path, 'package.json'))
  if (text === undefined) return undefined
  try {
    const manifest = JSON.parse(text.replace(/^\uFEFF/, '')) as { name?: unknown } | null
    return typeof manifest?.name === 'string' ? manifest.name : undefined
  } catch {
    // The builder says what is wrong with it.
    return undefined
  }
}

/** Of the table `[project]` (PEP 621); its name is a plain string in one line. */
async function nameInPyproject(path: string): Promise<string | undefined> {
  const text = await readIfThere(join(path, 'pyproject.toml'))
  const table = /^\s*\[\s*project\s*\]\s*$([^]*?)(?=^\s*\[|$(?![^]))/m.exec(text ?? '')?.[1]
  return /^\s*name\s*=\s*["']([^"']+)["']/m.exec(table ?? '')?.[1]
}

function fileSafe(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9._+~-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '')
}
