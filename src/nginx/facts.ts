/** What nginx's files depend on beside the configuration and what is live. */
import { access, constants } from 'node:fs/promises'
import type { Context } from '../context.ts'
import { nginxProgram, type Version } from './program.ts'

export interface HostFacts {
  readonly version: Version
  readonly openssl: Version
  /** Whether the kernel has IPv6. */
  readonly ipv6: boolean
  /** Chain files of domains that are there. */
  readonly chains: ReadonlySet<string>
}

/** The oldest nginx that we know of, for a host that has none of its own (`nginx: {mode: none}`). */
const UNKNOWN: Pick<HostFacts, 'version' | 'openssl'> = { version: [1, 18, 0], openssl: [1, 1, 1] }

/** @throws PypaasError if there is no nginx though its mode wants one */
export async function hostFacts(ctx: Context): Promise<HostFacts> {
  const { main, domains } = ctx.config
  const program =
    main.nginx.mode === 'none' ? await nginxProgram(ctx).catch(() => UNKNOWN) : await nginxProgram(ctx)
  const tls = [...domains.values()].filter(({ ssl }) => ssl)
  const chains = await Promise.all(
    tls.map(async ({ sslCertificateChain: chain }) => ((await isReadable(chain)) ? [chain] : [])),
  )
  return {
    version: program.version,
    openssl: program.openssl,
    ipv6: process.platform !== 'linux' || (await isReadable('/proc/net/if_inet6')),
    chains: new Set(chains.flat()),
  }
}

async function isReadable(path: string): Promise<boolean> {
  try {
    await access(path, constants.R_OK)
    return true
  } catch {
    return false
  }
}
