/** The files that an installation writes. Pure. */
import { shellQuote } from '../system/shell.ts'

/** Its presence tells a file of ours from one that only has the same name. */
export const MARKER = 'Written by `pypaas install`'

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** `pypaas.yml` of a host with its own nginx, sshd and init: they run without pypaas's daemon. */
export function mainConfig(): string {
  return `# The main configuration. Every key is explained in config.example/pypaas.yml of pypaas.
# Repos go into repos/<name>.yml, domains into domains/<domain>.yml beside this file.
# \`pypaas check\` finds mistakes.
ports: # of the apps' processes, on loopback
  min: 61500
  max: 61800
services:
  mode: external # the host's init runs svscan (daemontools-run)
nginx:
  mode: system # the host's nginx, tested and reloaded through sudo
  http: 80
  https: 443
`
}

/** sudoers(5): nothing but these two exact commands. */
export function sudoers(user: string, nginx: string): string {
  return `# ${MARKER}: test and reload nginx, nothing else.
${user} ALL=(root) NOPASSWD: ${nginx} -t, ${nginx} -s reload
`
}

/** No file matching is fine with nginx: a mask may match none. */
export function nginxInclude(home: string): string {
  return `# ${MARKER}: the domains that pypaas serves.
include ${home}/nginx.d/*.conf;
`
}

/** Starts pypaas whoever calls it, and wherever node and pypaas are. */
export function launcher(node: string, program: string): string {
  return `#!/bin/sh
# ${MARKER}.
exec ${shellQuote(node)} ${shellQuote(program)} "$@"
`
}

/** The script of the package, with our mark below its first line. */
export function daemontoolsRun(script: string): string {
  const [first = '', ...rest] = script.split('\n')
  return [first, `# ${MARKER}; a copy of pypaas's daemontools-run.`, ...rest].join('\n')
}

/** `run` of the supervised directory for svscan; daemontools starts it as root with an empty environment. */
export function servicesRunScript(script: string, user: string, home: string): string {
  return `#!/bin/sh
# ${MARKER}.
PATH=${PATH}
export PATH
exec ${script} ${user} ${home}
`
}

/** `run` of the supervised directory for the daemon. */
export function daemonRunScript(launcherPath: string, user: string, home: string): string {
  return `#!/bin/sh
# ${MARKER}.
exec 2>&1
PATH=${PATH}
export PATH
cd ${home} || exit 1
exec env -i PATH="$PATH" HOME=${home} USER=${user} LOGNAME=${user} LANG=C.UTF-8 \\
  setpriv --reuid ${user} --regid "$(id -g ${user})" --init-groups ${launcherPath} serve
`
}

/**
 * systemd.service(5). KillMode=process: apps outlive a restart of the unit
 * (an upgrade of libc may ask for one). The svscan that comes then waits for
 * the lock, which the surviving apps hold. OOMPolicy=continue: one app that
 * runs out of memory is no reason to end the others.
 */
export function servicesUnit(script: string, user: string, home: string): string {
  return `# ${MARKER}.
[Unit]
Description=pypaas: the processes of all live releases (svscan)
After=network.target local-fs.target
RequiresMountsFor=${home}

[Service]
User=${user}
ExecStart=${script} ${user} ${home}
Restart=always
RestartSec=1
KillMode=process
OOMPolicy=continue
TasksMax=infinity

[Install]
WantedBy=multi-user.target
`
}

/** The daemon. What it started stays when it ends, for the next one to adopt. */
export function daemonUnit(launcherPath: string, user: string, home: string): string {
  return `# ${MARKER}.
[Unit]
Description=pypaas: the daemon (recovery, embedded SSH server, schedules)
After=network.target nginx.service pypaas-services.service
RequiresMountsFor=${home}

[Service]
User=${user}
ExecStart=${launcherPath} serve
Restart=on-failure
RestartSec=2
KillMode=process
OOMPolicy=continue
TasksMax=infinity

[Install]
WantedBy=multi-user.target
`
}
