/** Sample apps and their configuration: a few lines each, for what a test is about. */

/** An HTTP server without dependencies. `answer` is an expression over `request`; `setup` runs before it listens. */
export function httpServer(answer: string, setup = ''): string {
  return `
import { createServer } from 'node:http'
${setup}
createServer((request, response) => response.end(${answer})).listen(process.env.PORT, '127.0.0.1')
`
}

/** The file of a repo whose branch `main` has these runners, and what else is given. */
export function repoWithRunners(runners: object, more: object = {}): object {
  return { branches: { main: { runners, ...more } } }
}

/** The file of a domain: locations answered by runners of the branch `main` of one repo. */
export function domainWith(
  repo: string,
  locations: Readonly<Record<string, string>> = { '/': 'web' },
): object {
  return {
    locations: Object.fromEntries(
      Object.entries(locations).map(([path, runner]) => [
        path,
        { upstream: { repo, branch: 'main', runner } },
      ]),
    ),
  }
}

/** For a branch's `env`: what npm needs to reach the registry from here, if it needs anything. */
export function registryAccess(): Record<string, string> {
  const names = [
    'NODE_EXTRA_CA_CERTS',
    'HTTPS_PROXY',
    'https_proxy',
    'NO_PROXY',
    'no_proxy',
    'npm_config_registry',
  ]
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = process.env[name]
      return value === undefined ? [] : [[name, value]]
    }),
  )
}
