/** What is true of a host before anything is installed on it. Types only; gathered by `gather.ts`. */

export interface InstallOptions {
  /** The user that pushes log in as. */
  readonly user: string
  /** Undefined: the user's own, or `/home/<user>` for a new one. */
  readonly home: string | undefined
  /** The Node that runs pypaas. */
  readonly node: string
  /** The directory that pypaas is in, with `dist/pypaas.js`, `daemontools-run` and `config.example/`. */
  readonly program: string
}

export interface HostUser {
  readonly uid: number
  readonly gid: number
  readonly home: string
  readonly shell: string
  /** Its password field begins with `!`: sshd without PAM takes no key of such a user. */
  readonly locked: boolean
}

export interface Facts {
  /** `/`, or the directory of an image. Paths below are the host's own, without it. */
  readonly root: string
  readonly user: HostUser | undefined
  /** There is a group of the user's name. */
  readonly group: boolean
  readonly init: 'systemd' | 'service-directory'
  /** systemd is running, so that units can be started. */
  readonly systemdRuns: boolean
  /** The configuration that is there. */
  readonly configured: string | undefined
  readonly nginx: string | undefined
  /** Where nginx already reads our files, other than by our own include. */
  readonly includedBy: string | undefined
  /** nginx.conf reads `conf.d`. */
  readonly readsConfD: boolean
  /** Debian's welcome page, as it came; it claims the port's unknown hosts, which are ours to answer. */
  readonly stockSite: boolean
  /** Other files with a `default_server`. */
  readonly defaultServers: readonly string[]
  /** On this machine, to check what we write. */
  readonly visudo: string | undefined
  /** Debian packages of programs that are not there. */
  readonly missing: readonly string[]
  /** A run script that already scans the home's services: pyPaaS's. */
  readonly scannedBy: string | undefined
  /** `/usr/local/bin/pypaas` leads to this very program, as `npm install -g` makes it. */
  readonly linked: boolean
  /** A file or directory that others may not read and the user needs. */
  readonly unreachable: string | undefined
  /** Text of the script that runs svscan. */
  readonly daemontoolsRun: string
  /** The commented samples of repos and domains: path below `config/`, and text. */
  readonly examples: readonly { readonly path: string; readonly text: string }[]
}

/** Where the user's home is, or will be. */
export function homeOf(facts: Pick<Facts, 'user'>, options: Pick<InstallOptions, 'user' | 'home'>): string {
  return options.home ?? facts.user?.home ?? `/home/${options.user}`
}
