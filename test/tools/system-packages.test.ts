import { chmod, mkdir, readdir, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { requirements } from '../../tools/requirements.mjs'
import {
  installSystemPackages,
  instructions,
  isThere,
  listsAreOld,
  searchPath,
} from '../../tools/system-packages.mjs'
import { temporaryDirectory } from '../support/context.ts'

const named = (...names: string[]) => requirements.filter((one) => names.includes(one.name))

describe('instructions', () => {
  const missing = named('nginx', 'daemontools', 'flock')

  it('give the apt-get command on Debian', () => {
    expect(instructions(missing, 'debian')).toBe(
      'Missing here: nginx, daemontools, flock. Install with:\n' +
        '  sudo apt-get update && sudo apt-get install -y --no-install-recommends nginx daemontools util-linux',
    )
  })

  it('give the brew command on macOS', () => {
    expect(instructions(missing, 'darwin')).toBe(
      'Missing here: nginx, daemontools, flock. Install with:\n  brew install nginx daemontools flock',
    )
  })

  it('name the packages elsewhere', () => {
    expect(instructions(missing, 'linux')).toBe(
      'Missing here: nginx, daemontools, flock. ' +
        "Install them with your system's package manager (Debian calls them: nginx daemontools util-linux).",
    )
  })
})

describe('installSystemPackages', () => {
  it('is content where everything is, as where these tests run', () => {
    expect(() => installSystemPackages(['start', 'test'])).not.toThrow()
  })

  it('without apt-get names everything that is missing', async () => {
    const empty = await temporaryDirectory()
    expect(() => installSystemPackages(['start'], [empty])).toThrow(
      /^Missing here: nginx, .*daemontools, the OpenSSH client, git, flock/,
    )
  })

  it('names only what is missing', async () => {
    const path = await temporaryDirectory()
    for (const program of ['nginx', 'svscan', 'supervise', 'multilog', 'setlock', 'pgrphack', 'ssh', 'git']) {
      await symlink(process.execPath, join(path, program))
    }
    expect(() => installSystemPackages(['start'], [path])).toThrow(
      /^Missing here: (nginx's Lua module, )?(lua-resty-core, )?the OpenSSH client, flock\b/,
    )
  })
})

function checked(check: string[]) {
  return { purpose: 'test' as const, name: 'x', check, debian: [], brew: [] }
}

describe('isThere', () => {
  it('wants all programs, executable, and no directories', async () => {
    const path = [await temporaryDirectory()]
    const [dir = ''] = path
    const requirement = { purpose: 'test', name: 'x', programs: ['a', 'b'], debian: [], brew: [] } as const
    await writeFile(join(dir, 'a'), '', { mode: 0o755 })
    expect(isThere(requirement, path)).toBe(false)
    await mkdir(join(dir, 'b'))
    expect(isThere(requirement, path)).toBe(false)
    const other = await temporaryDirectory()
    await writeFile(join(other, 'b'), '', { mode: 0o644 })
    expect(isThere(requirement, [dir, other])).toBe(false)
    await chmod(join(other, 'b'), 0o755)
    expect(isThere(requirement, [dir, other])).toBe(true)
  })

  it('runs the check of a requirement', () => {
    const path = searchPath(process.env.PATH)
    expect(isThere(checked(['sh', '-c', 'exit 0']), path)).toBe(true)
    expect(isThere(checked(['sh', '-c', 'exit 1']), path)).toBe(false)
    expect(isThere(checked(['no-such-program-here']), path)).toBe(false)
  })
})

describe('the table of requirements', () => {
  it('names a Debian package for everything', () => {
    expect(requirements.filter((one) => one.debian.length === 0)).toEqual([])
  })
})

describe('searchPath', () => {
  it('adds the directories of system programs behind PATH', () => {
    expect(searchPath('/a:/usr/sbin')).toEqual(['/a', '/usr/sbin', '/usr/local/sbin', '/sbin'])
    expect(searchPath(undefined)).toEqual(['/usr/local/sbin', '/usr/sbin', '/sbin'])
  })
})

describe('listsAreOld', () => {
  it('is true without lists, and for lists of more than a week', async () => {
    const lists = await temporaryDirectory()
    expect(listsAreOld(lists)).toBe(true)
    await mkdir(join(lists, 'partial'))
    await writeFile(join(lists, 'deb.example_dists_main_binary-amd64_Packages.lz4'), '')
    expect(await readdir(lists)).toHaveLength(2)
    expect(listsAreOld(lists)).toBe(false)
    const longAgo = new Date(Date.now() - 8 * 24 * 3600 * 1000)
    for (const path of [lists, join(lists, 'partial')]) await utimes(path, longAgo, longAgo)
    expect(listsAreOld(lists)).toBe(true)
  })
})
