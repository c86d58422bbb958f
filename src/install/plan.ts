/** What a host needs so that pushes to it become live. Pure: facts in, steps out. */
import { join } from 'node:path'
import { PypaasError } from '../errors.ts'
import { pathsOf } from '../paths.ts'
import { homeOf, type Facts, type InstallOptions } from './facts.ts'
import { places } from './places.ts'
import type { DirectoryStep, FileStep, Owner, Step } from './step.ts'
import * as texts from './texts.ts'

/** The units, in the order of their start. */
const SERVICES_UNIT = 'pypaas-services.service'
const DAEMON_UNIT = 'pypaas.service'

/**
 * The steps in the order in which they are applied. Paths in them are on disk: below `facts.root`.
 * @throws PypaasError `usage` or `failed` if it cannot work, before anything is changed
 */
export function planInstall(facts: Facts, options: InstallOptions): Step[] {
  checkPossible(facts, options)
  const home = homeOf(facts, options)
  return [
    ...userSteps(facts, options, home),
    ...homeSteps(facts, options, home),
    ...programSteps(facts, options),
    ...nginxSteps(facts, options, home),
    ...(facts.init === 'systemd'
      ? systemdSteps(facts, options, home)
      : serviceDirectorySteps(facts, options, home)),
    ...notes(facts),
  ]
}

function checkPossible(facts: Facts, options: InstallOptions): void {
  const home = homeOf(facts, options)
  if (!/^[a-z_][a-z0-9_-]{0,31}$/.test(options.user) || options.user === 'root') {
    throw new PypaasError('usage', `\`${options.user}\` cannot be the deploy user`, {
      hint: 'give --user a name of lower case letters, digits, `-` and `_`; not root',
    })
  }
  // It goes into scripts and units, each with quoting of its own.
  if (!/^(\/[A-Za-z0-9._-]+)+$/.test(home) || home.split('/').includes('..')) {
    throw new PypaasError('usage', `\`${home}\` cannot be the home of ${options.user}`, {
      hint: 'give --home an absolute path of letters, digits, `.`, `_` and `-`',
    })
  }
  if (facts.user !== undefined && facts.user.home !== home) {
    throw new PypaasError('usage', `the home of ${options.user} is ${facts.user.home}, not ${home}`, {
      hint: `leave --home out, or move it first: usermod --move-home --home ${home} ${options.user}`,
    })
  }
  if (facts.user !== undefined && /\/(nologin|false)$/.test(facts.user.shell)) {
    throw new PypaasError(
      'failed',
      `${options.user} has the shell ${facts.user.shell}, which runs no command`,
      {
        hint: `sshd runs pypaas through it: usermod --shell /bin/sh ${options.user}`,
      },
    )
  }
  if (facts.unreachable !== undefined) {
    throw new PypaasError('failed', `${options.user} may not use ${facts.unreachable}, which pypaas needs`, {
      hint: 'put Node and pypaas where every user can read them, for example /usr/local and /opt/pypaas',
    })
  }
}

function userSteps(facts: Facts, options: InstallOptions, home: string): Step[] {
  const prefix = facts.root === '/' ? [] : ['--prefix', facts.root]
  const group = facts.group ? ['--gid', options.user] : ['--user-group']
  // `*` is no password either, but unlike `!` it does not lock the user for an sshd without PAM (sshd(8)).
  const noPassword = ['--password', '*']
  const state = facts.user === undefined ? 'absent' : facts.user.locked ? 'locked' : 'ready'
  const create = ['useradd', ...prefix, '--create-home', '--home-dir', home, ...group, '--shell', '/bin/sh']
  return [
    {
      kind: 'user',
      name: options.user,
      home,
      state,
      argv:
        state === 'absent'
          ? [...create, ...noPassword, options.user]
          : ['usermod', ...prefix, ...noPassword, options.user],
    },
  ]
}

function homeSteps(facts: Facts, options: InstallOptions, home: string): Step[] {
  const owner: Owner = { user: options.user }
  const paths = pathsOf(join(facts.root, home))
  const config = join(paths.home, 'config')
  // nginx's workers come through these on their way to static files; they need not list them.
  const passable = (path: string): DirectoryStep => directory(path, owner, 0o711, 0o711)
  const own = (path: string): DirectoryStep => directory(path, owner, 0o700, 0o700)
  // OpenSSH's StrictModes wants nobody else to be able to write.
  const steps: Step[] = [
    { ...passable(paths.home), forbid: 0o022 },
    { ...own(paths.sshDir), forbid: 0o022 },
    { ...own(paths.authorizedKeysDir), forbid: 0o022 },
    ...[paths.checkouts, paths.state, paths.run].map(passable),
    ...[paths.repos, paths.cache, paths.services, paths.servicesReal, paths.logs].map(own),
  ]
  if (facts.configured !== undefined) return steps
  const file = (path: string, text: string): FileStep => ({
    kind: 'file',
    path: join(config, path),
    text,
    owner,
    mode: 0o600,
    once: true,
  })
  return [
    ...steps,
    ...[config, join(config, 'repos'), join(config, 'domains')].map(own),
    // Not `.yml`: to read and to copy from; nothing of them is served.
    ...facts.examples.map(({ path, text }) => file(`${path}.example`, text)),
    file('pypaas.yml', texts.mainConfig()),
  ]
}

function programSteps(facts: Facts, options: InstallOptions): Step[] {
  const steps: Step[] = [
    rootFile(facts, places.daemontoolsRun, texts.daemontoolsRun(facts.daemontoolsRun), 0o755),
  ]
  if (!facts.linked) {
    const program = join(options.program, 'dist', 'pypaas.js')
    steps.push(rootFile(facts, places.launcher, texts.launcher(options.node, program), 0o755))
  }
  return steps
}

function nginxSteps(facts: Facts, options: InstallOptions, home: string): Step[] {
  const nginx = facts.nginx ?? '/usr/sbin/nginx'
  const steps: Step[] = [
    {
      ...rootFile(facts, places.sudoers, texts.sudoers(options.user, nginx), 0o440),
      // A mistake here would end sudo for everyone.
      ...(facts.visudo === undefined ? {} : { checkText: [facts.visudo, '-cqf'] }),
    },
  ]
  if (facts.includedBy === undefined) {
    steps.push({
      ...rootFile(facts, places.nginxInclude, texts.nginxInclude(home), 0o644),
      ...(facts.root === '/' && facts.nginx !== undefined ? { checkHost: [facts.nginx, '-t'] } : {}),
    })
  }
  if (facts.stockSite) {
    steps.push({
      kind: 'unlink',
      path: join(facts.root, places.stockSite),
      why: "Debian's welcome page answers the unknown hosts that pypaas closes; it stays in sites-available",
    })
  }
  return steps
}

function unit(name: string): string {
  return join(places.units, name)
}

function systemdSteps(facts: Facts, options: InstallOptions, home: string): Step[] {
  const wanted: [name: string, text: string][] = [
    [DAEMON_UNIT, texts.daemonUnit(places.launcher, options.user, home)],
  ]
  if (facts.scannedBy === undefined) {
    wanted.unshift([SERVICES_UNIT, texts.servicesUnit(places.daemontoolsRun, options.user, home)])
  }
  const steps: Step[] = wanted.flatMap(([name, text]): Step[] => [
    rootFile(facts, unit(name), text, 0o644),
    // What `systemctl enable` makes; this way it can be done to an image.
    {
      kind: 'link',
      path: join(facts.root, places.units, 'multi-user.target.wants', name),
      target: unit(name),
    },
  ])
  if (!facts.systemdRuns) return steps
  return [
    ...steps,
    {
      kind: 'command',
      argv: ['systemctl', 'daemon-reload'],
      after: wanted.map(([name]) => join(facts.root, unit(name))),
    },
    ...wanted.map(([name]): Step => ({
      kind: 'command',
      argv: ['systemctl', 'start', name],
      unless: ['systemctl', 'is-active', '--quiet', name],
    })),
  ]
}

function serviceDirectorySteps(facts: Facts, options: InstallOptions, home: string): Step[] {
  const service = (name: string, text: string): FileStep => ({
    ...rootFile(facts, join(places.services, name, 'run'), text, 0o755),
    withDirectory: true,
  })
  const daemon = service('pypaas-serve', texts.daemonRunScript(places.launcher, options.user, home))
  if (facts.scannedBy !== undefined) return [daemon]
  return [service('pypaas', texts.servicesRunScript(places.daemontoolsRun, options.user, home)), daemon]
}

function notes(facts: Facts): Step[] {
  const lines: string[] = []
  if (facts.missing.length > 0) {
    lines.push(`still to be installed: apt-get install -y ${facts.missing.join(' ')}`)
  }
  if (!facts.readsConfD && facts.includedBy === undefined) {
    lines.push(
      `/etc/nginx/nginx.conf does not read conf.d: add \`include /etc/nginx/conf.d/*.conf;\` to its http block`,
    )
  }
  if (facts.includedBy !== undefined) {
    lines.push(`${facts.includedBy} includes the home's nginx.d already and is kept`)
  }
  if (facts.scannedBy !== undefined) {
    lines.push(`${facts.scannedBy} scans the home's services already and is kept`)
  }
  for (const file of facts.defaultServers) {
    lines.push(
      `${file} has a default_server, as pypaas has (it closes unknown hosts): remove that word there`,
    )
  }
  if (facts.configured !== undefined) lines.push(`the configuration in ${facts.configured} is kept as it is`)
  return lines.map((text) => ({ kind: 'note', text }))
}

function rootFile(facts: Facts, path: string, text: string, mode: number): FileStep {
  return { kind: 'file', path: join(facts.root, path), text, owner: 'root', mode }
}

function directory(path: string, owner: Owner, mode: number, need: number): DirectoryStep {
  return { kind: 'directory', path, owner, mode, need, forbid: 0 }
}
