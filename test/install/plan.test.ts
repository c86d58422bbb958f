import { describe, expect, it } from 'vitest'
import type { Facts, InstallOptions } from '../../src/install/facts.ts'
import { planInstall } from '../../src/install/plan.ts'
import { subjectOf } from '../../src/install/step.ts'
import {
  daemonRunScript,
  daemontoolsRun,
  launcher,
  servicesRunScript,
  sudoers,
} from '../../src/install/texts.ts'

const options: InstallOptions = {
  user: 'deploy',
  home: undefined,
  node: '/usr/bin/node',
  program: '/opt/pypaas',
}

/** A fresh Debian on which everything is installed. */
const fresh: Facts = {
  root: '/',
  user: undefined,
  group: false,
  init: 'systemd',
  systemdRuns: true,
  configured: undefined,
  nginx: '/usr/sbin/nginx',
  includedBy: undefined,
  readsConfD: true,
  stockSite: false,
  defaultServers: [],
  visudo: '/usr/sbin/visudo',
  missing: [],
  scannedBy: undefined,
  linked: false,
  unreachable: undefined,
  daemontoolsRun: '#!/bin/sh\nexec svscan\n',
  examples: [],
}
const present = { uid: 1000, gid: 1000, home: '/home/deploy', shell: '/bin/sh', locked: false }

function subjects(changes: Partial<Facts>): string[] {
  return planInstall({ ...fresh, ...changes }, options).map(subjectOf)
}

/** The step that makes nginx read our files. */
function include(facts: Facts) {
  const steps = planInstall(facts, options)
  return steps.find((step) => 'path' in step && step.path.endsWith('conf.d/pypaas.conf'))
}

describe('the plan of an installation', () => {
  it('reads in the order in which things depend on each other', () => {
    expect(subjects({})).toEqual([
      'user deploy (/home/deploy)',
      '/home/deploy/',
      '/home/deploy/.ssh/',
      '/home/deploy/.ssh/authorized_keys.d/',
      '/home/deploy/checkouts/',
      '/home/deploy/state/',
      '/home/deploy/run/',
      '/home/deploy/repos/',
      '/home/deploy/cache/',
      '/home/deploy/services/',
      '/home/deploy/services-real/',
      '/home/deploy/logs/',
      '/home/deploy/config/',
      '/home/deploy/config/repos/',
      '/home/deploy/config/domains/',
      '/home/deploy/config/pypaas.yml',
      '/usr/local/lib/pypaas/daemontools-run',
      '/usr/local/bin/pypaas',
      '/etc/sudoers.d/pypaas',
      '/etc/nginx/conf.d/pypaas.conf',
      '/etc/systemd/system/pypaas-services.service',
      '/etc/systemd/system/multi-user.target.wants/pypaas-services.service -> /etc/systemd/system/pypaas-services.service',
      '/etc/systemd/system/pypaas.service',
      '/etc/systemd/system/multi-user.target.wants/pypaas.service -> /etc/systemd/system/pypaas.service',
      'systemctl daemon-reload',
      'systemctl start pypaas-services.service',
      'systemctl start pypaas.service',
    ])
  })

  it('starts units only where systemd runs, and not those that are active', () => {
    expect(subjects({ systemdRuns: false }).filter((line) => line.startsWith('systemctl'))).toEqual([])
    expect(planInstall(fresh, options)).toContainEqual({
      kind: 'command',
      argv: ['systemctl', 'start', 'pypaas.service'],
      unless: ['systemctl', 'is-active', '--quiet', 'pypaas.service'],
    })
  })

  it('makes the user with its home and group, without a password', () => {
    expect(planInstall(fresh, options)[0]).toMatchObject({
      state: 'absent',
      argv: [
        'useradd',
        '--create-home',
        '--home-dir',
        '/home/deploy',
        '--user-group',
        '--shell',
        '/bin/sh',
        '--password',
        '*',
        'deploy',
      ],
    })
  })

  it('tests nginx on the running system only', () => {
    expect(include(fresh)).toMatchObject({ checkHost: ['/usr/sbin/nginx', '-t'] })
    expect(include({ ...fresh, root: '/image' })).not.toHaveProperty('checkHost')
    expect(include({ ...fresh, nginx: undefined })).not.toHaveProperty('checkHost')
  })

  it('refuses names that would mean something to a shell, a unit or sudoers', () => {
    for (const user of ['root', 'Deploy', 'de ploy', '-deploy', 'deploy,ALL', '']) {
      expect(() => planInstall(fresh, { ...options, user })).toThrow('cannot be the deploy user')
    }
    for (const home of ['deploy', '/', '/home/a b', '/home/../etc', '/home/deploy/', '/home/$USER']) {
      expect(() => planInstall(fresh, { ...options, home })).toThrow('cannot be the home of deploy')
    }
  })

  it('refuses a user that cannot work, and says how to change it', () => {
    expect(() =>
      planInstall({ ...fresh, user: { ...present, shell: '/usr/sbin/nologin' } }, options),
    ).toThrow('deploy has the shell /usr/sbin/nologin, which runs no command')
    expect(() => planInstall({ ...fresh, user: present }, { ...options, home: '/srv/deploy' })).toThrow(
      'the home of deploy is /home/deploy, not /srv/deploy',
    )
  })

  it('refuses a Node or a pypaas that the user cannot reach', () => {
    expect(() => planInstall({ ...fresh, unreachable: '/root' }, options)).toThrow(
      'deploy may not use /root, which pypaas needs',
    )
  })

  it('tells of an nginx that does not read conf.d', () => {
    expect(subjects({ readsConfD: false }).at(-1)).toBe(
      '/etc/nginx/nginx.conf does not read conf.d: add `include /etc/nginx/conf.d/*.conf;` to its http block',
    )
  })
})

describe('the files of an installation', () => {
  it('allow exactly the test and the reload of nginx', () => {
    expect(sudoers('deploy', '/usr/sbin/nginx')).toBe(
      '# Written by `pypaas install`: test and reload nginx, nothing else.\n' +
        'deploy ALL=(root) NOPASSWD: /usr/sbin/nginx -t, /usr/sbin/nginx -s reload\n',
    )
  })

  it('start pypaas from any directory', () => {
    expect(launcher('/usr/bin/node', "/opt/it's/pypaas.js")).toBe(
      `#!/bin/sh\n# Written by \`pypaas install\`.\nexec /usr/bin/node '/opt/it'\\''s/pypaas.js' "$@"\n`,
    )
  })

  it('run svscan and the daemon as the deploy user', () => {
    expect(servicesRunScript('/lib/daemontools-run', 'deploy', '/home/deploy')).toBe(
      '#!/bin/sh\n# Written by `pypaas install`.\n' +
        'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nexport PATH\n' +
        'exec /lib/daemontools-run deploy /home/deploy\n',
    )
    expect(daemonRunScript('/usr/local/bin/pypaas', 'deploy', '/home/deploy')).toContain(
      'setpriv --reuid deploy --regid "$(id -g deploy)" --init-groups /usr/local/bin/pypaas serve\n',
    )
  })

  it('mark a copy of daemontools-run below its first line', () => {
    expect(daemontoolsRun('#!/bin/sh\nexec svscan\n')).toBe(
      "#!/bin/sh\n# Written by `pypaas install`; a copy of pypaas's daemontools-run.\nexec svscan\n",
    )
  })
})
