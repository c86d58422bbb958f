/** The addresses of a branch, for those who pushed it. Pure. */
import type { Config } from '../config/types.ts'
import type { BranchRef } from '../paths.ts'
import { isPattern, matchOf } from './match.ts'

/**
 * Every URL under which a runner of the branch answers, in the order of the configuration. A location that is
 * a pattern counts as its domain; the names that a wildcard stands for are shown as `*`.
 */
export function urlsOf(config: Config, ref: BranchRef): string[] {
  const { http, https } = config.main.nginx
  const urls = [...config.domains.values()].flatMap((domain) => {
    const { port } = domain.ssl ? https : http
    const usual = domain.ssl ? 443 : 80
    const origin = `${domain.ssl ? 'https' : 'http'}://${hostOf(domain.name)}${port === usual ? '' : `:${port}`}`
    return domain.locations
      .filter(({ upstream }) => upstream.repo === ref.repo && upstream.branch === ref.branch)
      .map(({ path }) => `${origin}${pathOf(path)}`)
  })
  return [...new Set(urls)]
}

/** `.example.com` is nginx's short form of the name with and without all of its subdomains. */
function hostOf(name: string): string {
  return name.startsWith('.') ? name.slice(1) : name
}

function pathOf(location: string): string {
  const match = matchOf(location)
  return isPattern(match) ? '/' : match.path
}
