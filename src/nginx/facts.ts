/** What nginx's files depend on beside the configuration and what is live. */
import { accessSync, constants } from 'node:fs'
import type { Context } from '../context.ts'
import { nginxProgram, type Version } from './program.ts'
import { switchingOf, type Switching } from './switching.ts'

export interface HostFacts {
  readonly version: Version
  readonly openssl: Version
  /** Whether the kernel has IPv6. */
  readonly ipv6: boolean
  /** Chain files of domains that are there. */
  readonly chains: ReadonlySet<string>
  readonly switching: Switching
}

/** The oldest nginx that we know of, for a host that has none of its own (`nginx: {mode: none}`). */
const UNKNOWN: Pick<HostFacts, 'version' | 'openssl'> = { version: [1, 18, 0], openssl: [1, 1, 1] }

/** @throws PypaasError if there is no nginx though its mode wants one, or no Lua module though it is to switch */
export async function hostFacts(ctx: Context): Promise<HostFacts> {
  const { main, domains } = ctx.config
  const program =
    main.nginx.mode === 'none' ? await nginxProgram(ctx).catch(() => undefined) : await nginxProgram(ctx)
  const tls = [...domains.values()].filter(({ ssl }) => ssl)
  return {
    version: program?.version ?? UNKNOWN.version,
    openssl: program?.openssl ?? UNKNOWN.openssl,
    ipv6: process.platform !== 'linux' || isReadable('/proc/net/if_inet6'),
    chains: new Set(tls.map(({ sslCertificateChain }) => sslCertificateChain).filter(isReadable)),
    switching: await switchingOf(ctx, program),
  }
}

/** One system call: waiting for a thread would take longer, and there may be hundreds of files. */
function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK)
    return true
  } catch {
    return false
  }
}
