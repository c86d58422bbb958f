/** The host of a soak: four branches of two repos, each with a domain, which are reached over either entrance. */
import { chmod, writeFile } from 'node:fs/promises'
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { BranchRef } from '../../src/paths.ts'
import type { Files, Result } from '../support/app.ts'
import { temporaryDirectory } from '../support/context.ts'
import { createHost, PYPAAS, run, type Host } from '../support/host.ts'
import type { Entrance } from './steps.ts'

export interface SoakBranch extends BranchRef {
  readonly domain: string
  /** Its runners, with this many seconds to become healthy. */
  readonly runners: (timeout: number) => object
  /** Whether it has processes that can fail. */
  readonly processes: boolean
}

const backend = { type: 'NginxBackend', cmd: 'exec node server.mjs' }
const health = (timeout: number): object => ({ path: '/health', timeout })

/** One process; two of which both must be healthy; files only; a backend and a worker that nginx does not know of. */
export const BRANCHES: readonly SoakBranch[] = [
  {
    repo: 'web',
    branch: 'main',
    domain: 'main.web.test',
    processes: true,
    runners: (timeout) => ({ web: { ...backend, health: health(timeout) } }),
  },
  {
    repo: 'web',
    branch: 'next',
    domain: 'next.web.test',
    processes: true,
    runners: (timeout) => ({ web: { ...backend, process_count: 2, health: health(timeout) } }),
  },
  {
    repo: 'site',
    branch: 'main',
    domain: 'main.site.test',
    processes: false,
    runners: () => ({ web: { type: 'NginxStatic', subdirectory: 'public' } }),
  },
  {
    repo: 'site',
    branch: 'next',
    domain: 'next.site.test',
    processes: true,
    runners: (timeout) => ({
      web: { ...backend, health: health(timeout) },
      worker: { type: 'SimpleProcess', cmd: 'exec sleep 1000', health: { uptime: 0 } },
    }),
  },
]

/** What a version of an app does. */
export interface Version {
  /** What it answers with. */
  readonly text: string
  /** What its build does, for `sh`. */
  readonly build?: string
  /** Before it listens. */
  readonly setup?: string
  /** Status of its answers to the health check. */
  readonly health?: number
}

/** The files of a version, of a branch with processes or without. */
export function filesOf({ text, build = 'true', setup = '', health: status = 200 }: Version): Files {
  return {
    'server.mjs': `
import { createServer } from 'node:http'
${setup}
createServer((request, response) => {
  response.statusCode = request.url === '/health' ? ${status} : 200
  response.end(${JSON.stringify(text)})
}).listen(process.env.PORT, '127.0.0.1')
`,
    'public/index.html': text,
    '.build.sh': { content: `#!/bin/sh\n${build}\n`, mode: 0o755 },
  }
}

export interface SoakDaemon {
  readonly pid: number
  /** Where it writes how much memory it uses; see `collect.mjs`. */
  readonly memory: string
}

export interface SoakSite {
  readonly host: Host
  readonly daemon: SoakDaemon
  /** Environment of git and ssh: both entrances by the URLs of {@link url}. */
  readonly env: Readonly<Record<string, string>>
  readonly url: (repo: string, through: Entrance) => string
  /** Runs a command of pypaas. */
  readonly command: (through: Entrance | 'shell', ...words: string[]) => Promise<Result>
  /** Seconds in which processes of the branch have to be healthy. */
  readonly setHealthTimeout: (branch: SoakBranch, seconds: number) => void
  /** Other settings of the branch's domain, which make nginx get other files. */
  readonly setHeader: (branch: SoakBranch, value: string) => void
}

/** Seconds that a process which is all right may take on a machine that is busy with other things. */
export const PATIENT = 60

/** The host with its daemon; nothing has been pushed. */
export async function createSoakSite(): Promise<SoakSite> {
  const host = await createHost({
    releases: { keep: 2 },
    watch: { seconds: 0.3 },
    disk: { min_free: '1KiB' },
  })
  const directory = await temporaryDirectory()
  const timeouts = new Map(BRANCHES.map((branch) => [branch, PATIENT]))
  // By renaming, as an editor does: others read the configuration at any time.
  const replace = (file: string, content: object): void => {
    const temporary = join(host.home, 'config', 'next')
    writeFileSync(temporary, stringify(content))
    renameSync(temporary, join(host.home, 'config', file))
  }
  const setHealthTimeout = (branch: SoakBranch, seconds: number): void => {
    timeouts.set(branch, seconds)
    const ofRepo = BRANCHES.filter(({ repo }) => repo === branch.repo)
    const branches = ofRepo.map((each) => [
      each.branch,
      { runners: each.runners(timeouts.get(each) ?? PATIENT) },
    ])
    replace(`repos/${branch.repo}.yml`, { branches: Object.fromEntries(branches) as object })
  }
  const setHeader = ({ repo, branch, domain }: SoakBranch, value: string): void =>
    replace(`domains/${domain}.yml`, {
      locations: { '/': { upstream: { repo, branch, runner: 'web' } } },
      nginx_http_extra_config: `add_header X-Soak "${value}";`,
    })
  // The directories.
  await host.configure('repos/web.yml', {})
  await host.configure(`domains/${BRANCHES[0]?.domain}.yml`, {})
  for (const branch of BRANCHES) {
    setHealthTimeout(branch, PATIENT)
    setHeader(branch, 'first')
  }
  const memory = join(directory, 'memory')
  const preload = new URL('collect.mjs', import.meta.url)
  const { child } = await host.serve({
    NODE_OPTIONS: `--import=${preload.href}`,
    PYPAAS_SOAK_MEMORY: memory,
  })
  const script = join(directory, 'ssh')
  await writeFile(script, sshTo(host))
  await chmod(script, 0o755)
  return {
    host,
    daemon: { pid: child.pid ?? 0, memory },
    env: { GIT_SSH_COMMAND: script, GIT_SSH_VARIANT: 'ssh', SSH_AUTH_SOCK: '' },
    url: (repo, through) => (through === 'embedded' ? host.url(repo) : `deploy@handler:${repo}`),
    command(through, ...words) {
      if (through === 'shell') return host.pypaas(...words)
      return through === 'embedded' ? host.ssh(...words) : run(script, ['deploy@handler', words.join(' ')])
    },
    setHealthTimeout,
    setHeader,
  }
}

/** The real ssh to the daemon; for the host `handler` what OpenSSH would run there for the key of alice. */
function sshTo(host: Host): string {
  const [program, ...args] = host.sshArgv()
  // What git gives itself: port and address.
  const ssh = [program, ...args.slice(0, -3)].join(' ')
  return `#!/bin/sh
case " $* " in
  *' deploy@handler '*)
    for last; do :; done
    SSH_ORIGINAL_COMMAND=$last exec '${process.execPath}' '${PYPAAS}' --home '${host.home}' ssh alice ;;
esac
exec ${ssh} "$@"
`
}
