/** What the nginx of a host serves already, as far as it meets what pypaas adds. */
import { lstat, readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { readIfThere } from '../system/files.ts'
import { listDirectory } from '../system/state.ts'
import type { Facts } from './facts.ts'
import { places } from './places.ts'
import { MARKER } from './texts.ts'

const MAIN = '/etc/nginx/nginx.conf'

type Sites = Pick<Facts, 'includedBy' | 'readsConfD' | 'stockSite' | 'defaultServers'>

/** @param home of the deploy user */
export async function findSites(root: string, home: string): Promise<Sites> {
  const main = await readSite(root, MAIN)
  const defaultServers: string[] = []
  let includedBy: string | undefined
  let stockSite = false
  for (const file of [MAIN, ...(await filesIn(root, 'conf.d')), ...(await filesIn(root, 'sites-enabled'))]) {
    const text = await readSite(root, file)
    if (file === places.nginxInclude && text.includes(MARKER)) continue
    const directives = withoutComments(text)
    if (directives.includes(`${home}/nginx.d/`)) includedBy ??= file
    if (!/\bdefault_server\b/.test(directives)) continue
    if (file === places.stockSite && (await isStockSite(root, directives))) stockSite = true
    else defaultServers.push(file)
  }
  // Where nginx is still to be installed, it will come as Debian packs it.
  const readsConfD = main === '' || /\binclude\s+\S*conf\.d\//.test(withoutComments(main))
  return { includedBy, readsConfD, stockSite, defaultServers }
}

async function filesIn(root: string, directory: string): Promise<string[]> {
  const path = join('/etc/nginx', directory)
  return (await listDirectory(join(root, path))).map((name) => join(path, name))
}

/** Empty for what is not there. Links in an image are meant from its own root. */
async function readSite(root: string, file: string): Promise<string> {
  const path = join(root, file)
  const isLink = (await lstat(path).catch(() => undefined))?.isSymbolicLink() === true
  if (isLink && root !== '/') {
    return (await readIfThere(join(root, '/etc/nginx/sites-available', basename(file)))) ?? ''
  }
  const info = await stat(path).catch(() => undefined)
  return info?.isFile() === true ? readFile(path, 'utf8') : ''
}

/** Whether it is a link to Debian's welcome page as it came: one server, no name, no application. */
async function isStockSite(root: string, text: string): Promise<boolean> {
  const isLink = (await lstat(join(root, places.stockSite))).isSymbolicLink()
  const isPage = /\broot\s+\/var\/www\/html\s*;/.test(text) && /\bserver_name\s+_\s*;/.test(text)
  const servers = text.match(/\bserver\s*\{/g) ?? []
  return isLink && isPage && servers.length === 1 && !/_pass\s/.test(text)
}

function withoutComments(text: string): string {
  return text.replaceAll(/^\s*#.*$/gm, '')
}
