/** An image of a host in a temporary directory, and a package of pypaas to install on it. */
import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import type { InstallOptions } from '../../src/install/facts.ts'
import { projectRoot } from '../../tools/prerequisites.mjs'
import { temporaryDirectory } from '../support/context.ts'

/** Whether users can be made and files given away. */
export const isRoot = process.geteuid?.() === 0

export interface Image {
  readonly root: string
  readonly options: InstallOptions
  readonly at: (path: string) => string
  put(path: string, text: string, mode?: number): Promise<void>
  read(path: string): Promise<string>
}

/**
 * Debian with systemd, nginx and sudo, as far as an installation looks at it.
 * Root makes the deploy user by the installation; anyone else finds it there, under their own number.
 */
export async function debianImage(): Promise<Image> {
  const root = await temporaryDirectory()
  const image = imageAt(root, await pypaasPackage())
  const { uid, gid } = userInfo()
  const deploy = isRoot ? '' : `deploy:x:${uid}:${gid}::/home/deploy:/bin/sh\n`
  await image.put('/etc/passwd', `root:x:0:0:root:/root:/bin/sh\n${deploy}`)
  await image.put('/etc/group', 'root:x:0:\n')
  await image.put('/etc/shadow', 'root:*:20000:0:99999:7:::\n', 0o600)
  await image.put('/etc/nginx/nginx.conf', 'events {}\nhttp {\n  include conf.d/*.conf;\n}\n')
  for (const program of ['nginx', 'sshd', 'svscan', 'sudo', 'git', 'svscanboot']) {
    await image.put(`/usr/sbin/${program}`, '', 0o755)
  }
  await image.put('/usr/lib/systemd/systemd', '', 0o755)
  await mkdir(image.at('/home'))
  return image
}

function imageAt(root: string, program: string): Image {
  const at = (path: string): string => join(root, path)
  return {
    root,
    options: { user: 'deploy', home: undefined, node: process.execPath, program },
    at,
    async put(path, text, mode = 0o644) {
      await mkdir(dirname(at(path)), { recursive: true })
      await writeFile(at(path), text)
      await chmod(at(path), mode)
    },
    read: (path) => readFile(at(path), 'utf8'),
  }
}

/** Its program prints its arguments; its directory's name would be taken apart by a careless shell. */
async function pypaasPackage(): Promise<string> {
  const program = join(await temporaryDirectory(), "it's $HOME")
  await mkdir(join(program, 'dist'), { recursive: true })
  const main = 'console.log(JSON.stringify(process.argv.slice(2)))\n'
  await writeFile(join(program, 'dist', 'pypaas.js'), main)
  await writeFile(join(program, 'package.json'), '{"type": "module"}')
  await copyFile(join(projectRoot, 'daemontools-run'), join(program, 'daemontools-run'))
  for (const [part, file] of [
    ['repos', 'hello.yml'],
    ['domains', 'hello.localhost.yml'],
  ] as const) {
    await mkdir(join(program, 'config.example', part), { recursive: true })
    await writeFile(join(program, 'config.example', part, file), `# ${file}\n`)
  }
  return program
}

/** Debian's welcome page, enabled as Debian enables it. */
export async function enableStockSite(image: Image): Promise<void> {
  await image.put(
    '/etc/nginx/sites-available/default',
    '# a comment: proxy_pass http://nowhere;\nserver {\n  listen 80 default_server;\n  root /var/www/html;\n' +
      '  server_name _;\n  location / {\n    try_files $uri $uri/ =404;\n  }\n}\n',
  )
  await mkdir(image.at('/etc/nginx/sites-enabled'), { recursive: true })
  await symlink('/etc/nginx/sites-available/default', image.at('/etc/nginx/sites-enabled/default'))
}

/** Every file below a directory: kind, mode, owner, and text or target. */
export async function treeOf(root: string): Promise<Record<string, string>> {
  const tree: Record<string, string> = {}
  for (const name of (await readdir(root, { recursive: true })).toSorted()) {
    const path = join(root, name)
    const info = await lstat(path)
    const content = info.isSymbolicLink()
      ? await readlink(path)
      : info.isFile()
        ? await readFile(path, 'utf8')
        : ''
    tree[name] = `${info.mode.toString(8)} ${info.uid}:${info.gid} ${content}`
  }
  return tree
}
