/** Looks at a host, or at the image of one. Changes nothing. */
import { access, readFile, realpath, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { PypaasError } from '../errors.ts'
import { readIfThere } from '../system/files.ts'
import { listDirectory } from '../system/state.ts'
import { findUser, groupExists } from './accounts.ts'
import { homeOf, type Facts, type HostUser, type InstallOptions } from './facts.ts'
import { places } from './places.ts'
import { findSites } from './sites.ts'
import { MARKER } from './texts.ts'

const PROGRAM_DIRECTORIES = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']
/** Programs that a host needs, with their Debian packages. */
const NEEDED = [
  ['nginx', 'nginx'],
  ['svscan', 'daemontools'],
  ['sudo', 'sudo'],
  ['sshd', 'openssh-server'],
  ['git', 'git'],
] as const

/**
 * @param given `/`, or the directory of an image
 * @throws PypaasError `failed` if pypaas itself is not complete, `usage` if there is no such image
 */
export async function gatherFacts(given: string, options: InstallOptions): Promise<Facts> {
  const root = resolve(given)
  if (!(await exists(join(root, '/etc')))) {
    throw new PypaasError('usage', `${root} is not the root of a system: it has no etc`, {
      hint: 'give --root the directory of an unpacked image',
    })
  }
  const user = await findUser(root, options.user)
  const home = homeOf({ user }, options)
  const init = await findInit(root)
  return {
    root,
    user,
    group: await groupExists(root, options.user),
    init,
    systemdRuns: root === '/' && init === 'systemd',
    configured: await findFirst(root, [`${home}/config/pypaas.yml`, '/etc/pypaas/pypaas.yml']),
    nginx: await findProgram(root, 'nginx'),
    ...(await findSites(root, home)),
    visudo: await findProgram('/', 'visudo'),
    missing: await missingPackages(root, init),
    scannedBy: await findScanner(root, options.user, home),
    linked: await leadsTo(join(root, places.launcher), join(options.program, 'dist', 'pypaas.js')),
    unreachable: root === '/' ? await findUnreachable(options, user) : undefined,
    daemontoolsRun: await readOwn(join(options.program, 'daemontools-run')),
    examples: await readExamples(join(options.program, 'config.example')),
  }
}

/** systemd by sd_booted(3); in an image, by its being there. */
async function findInit(root: string): Promise<Facts['init']> {
  const signs = root === '/' ? ['/run/systemd/system'] : ['/usr/lib/systemd/systemd', '/lib/systemd/systemd']
  return (await findFirst(root, signs)) === undefined ? 'service-directory' : 'systemd'
}

/** What nginx needs to switch without a reload (`nginx: {switch: lua}`), with its Debian packages. */
const WANTED = [
  ['/usr/lib/nginx/modules/ngx_http_lua_module.so', 'libnginx-mod-http-lua'],
  ['/usr/share/lua/5.1/resty/core.lua', 'lua-resty-core'],
] as const

async function missingPackages(root: string, init: Facts['init']): Promise<string[]> {
  const needed: (readonly [program: string, debianPackage: string])[] = [...NEEDED]
  if (init === 'service-directory') needed.push(['svscanboot', 'daemontools-run'])
  const found = await Promise.all(needed.map(([program]) => findProgram(root, program)))
  const there = await Promise.all(WANTED.map(([file]) => exists(join(root, file))))
  return [
    ...needed.filter((_, at) => found[at] === undefined),
    ...WANTED.filter((_, at) => there[at] !== true),
  ].map(([, debianPackage]) => debianPackage)
}

/** A run script of the host's daemontools that runs svscan on the home: pyPaaS's, under whatever name. */
async function findScanner(root: string, user: string, home: string): Promise<string | undefined> {
  for (const name of await listDirectory(join(root, places.services))) {
    const script = join(places.services, name, 'run')
    const text = await readIfThere(join(root, script))
    if (text === undefined || text.includes(MARKER) || !text.includes('svscan')) continue
    if (text.includes(`${home}/services`) || text.includes(`~${user}/services`)) return script
  }
  return undefined
}

/** The first file or directory on the way to Node or pypaas that the user may not read or pass. */
async function findUnreachable(
  options: InstallOptions,
  user: HostUser | undefined,
): Promise<string | undefined> {
  for (const file of [options.node, join(options.program, 'dist', 'pypaas.js')]) {
    const path = await realpath(file).catch(() => undefined)
    if (path === undefined) return file
    const way = [path]
    for (let at = dirname(path); at !== dirname(at); at = dirname(at)) way.unshift(at)
    for (const step of way) {
      const { mode, uid, gid } = await stat(step)
      // inode(7): the owner's, the group's, or the others' bits; only one of these counts.
      const shift = uid === user?.uid ? 6 : gid === user?.gid ? 3 : 0
      const bit = step === path ? 0o4 : 0o1
      if (((mode >> shift) & bit) === 0) return step
    }
  }
  return undefined
}

async function readOwn(path: string): Promise<string> {
  const text = await readIfThere(path)
  if (text !== undefined) return text
  throw new PypaasError('failed', `pypaas is not complete: ${path} is missing`, {
    hint: 'install from a whole checkout of pypaas, after `npm run build`',
  })
}

async function readExamples(directory: string): Promise<Facts['examples']> {
  const examples: { path: string; text: string }[] = []
  for (const part of ['repos', 'domains']) {
    for (const name of await listDirectory(join(directory, part))) {
      const path = `${part}/${name}`
      if (name.endsWith('.yml')) examples.push({ path, text: await readFile(join(directory, path), 'utf8') })
    }
  }
  return examples
}

async function findProgram(root: string, name: string): Promise<string | undefined> {
  return findFirst(
    root,
    PROGRAM_DIRECTORIES.map((directory) => join(directory, name)),
  )
}

/** The first of these paths that is there; without the root. */
async function findFirst(root: string, paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (await exists(join(root, path))) return path
  return undefined
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

async function leadsTo(path: string, target: string): Promise<boolean> {
  const [from, to] = await Promise.all([path, target].map((one) => realpath(one).catch(() => undefined)))
  return from !== undefined && from === to
}
