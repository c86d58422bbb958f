import { describe, expect, test } from 'vitest'
import { DOMAIN, MAIN, problemsIn, REPO } from './files.ts'

/** A repo whose only runner has these lines. */
function runner(...lines: string[]): string {
  return [
    'branches:',
    '  master:',
    '    runners:',
    '      node:',
    ...lines.map((line) => `        ${line}`),
  ].join('\n')
}

async function problemsInRepo(text: string): Promise<string[]> {
  return problemsIn({ 'repos/app.yml': text })
}

async function problemsInDomain(text: string): Promise<string[]> {
  return problemsIn({ 'repos/app.yml': REPO, 'domains/example.com.yml': text })
}

async function problemsInMain(text: string): Promise<string[]> {
  return problemsIn({ 'pypaas.yml': text })
}

const WEB = ['type: NginxBackend', 'cmd: npm start']

describe('keys', () => {
  test('one that is misspelt comes with the nearest', async () => {
    expect(await problemsInRepo(runner(...WEB, 'proces_count: 4'))).toEqual([
      'repos/app.yml:7:9: branches.master.runners.node: unknown key `proces_count`; did you mean `process_count`?',
    ])
  })

  test('one that is not near to any comes with all that there are', async () => {
    expect(await problemsInMain(`${MAIN}services: {kind: managed}\n`)).toEqual([
      'pypaas.yml:2:12: services: unknown key `kind`; known keys: `mode`',
    ])
  })

  test('one that is misspelt is not reported as missing too', async () => {
    expect(await problemsInMain('prots: {min: 1, max: 2}\n')).toEqual([
      'pypaas.yml:1:1: unknown key `prots`; did you mean `ports`?',
    ])
    expect(await problemsInRepo(runner('tpye: NginxBackend', 'cmd: npm start'))).toEqual([
      'repos/app.yml:5:9: branches.master.runners.node: unknown key `tpye`; did you mean `type`?',
    ])
  })

  test('one that is missing is named at what it belongs to', async () => {
    expect(await problemsInRepo(runner('type: NginxBackend'))).toEqual([
      'repos/app.yml:4:7: branches.master.runners.node: `cmd` is missing',
    ])
    expect(await problemsInRepo(runner('cmd: npm start'))).toEqual([
      'repos/app.yml:4:7: branches.master.runners.node: `type` is missing: one of `NginxBackend`, `NginxStatic`, `SimpleProcess`, `UwsgiNginxBackend`',
    ])
    expect(await problemsInMain('drain_timeout: 1\n')).toEqual(['pypaas.yml:1:1: `ports` is missing'])
  })

  test('one of another type of runner is said to belong there', async () => {
    expect(await problemsInRepo(runner('type: NginxStatic', 'cmd: npm start'))).toEqual([
      'repos/app.yml:6:9: branches.master.runners.node: unknown key `cmd`; it belongs to `NginxBackend`, `SimpleProcess`, `UwsgiNginxBackend`',
    ])
  })

  test.each(['SimpleProcess', 'UwsgiNginxBackend'])('a path to ask for is nothing for a %s', async (type) => {
    expect(await problemsInRepo(runner(`type: ${type}`, 'cmd: run', 'health: {path: /}'))).toEqual([
      'repos/app.yml:7:18: branches.master.runners.node.health: unknown key `path`; it belongs to `NginxBackend`',
    ])
  })

  test('names with other characters are quoted in the path', async () => {
    expect(await problemsInRepo('branches: {feature/x: {runner: {}}}')).toEqual([
      'repos/app.yml:1:24: branches."feature/x": unknown key `runner`; did you mean `runners`?',
    ])
  })
})

describe('values', () => {
  test('a type of runner that does not exist comes with the nearest', async () => {
    expect(await problemsInRepo(runner('type: Static'))).toEqual([
      'repos/app.yml:5:15: branches.master.runners.node.type: there is no type `Static` of runner; did you mean `NginxStatic`?',
    ])
    expect(await problemsInRepo(runner('type: Docker'))).toEqual([
      'repos/app.yml:5:15: branches.master.runners.node.type: there is no type `Docker` of runner; there are `NginxBackend`, `NginxStatic`, `SimpleProcess`, `UwsgiNginxBackend`',
    ])
    expect(await problemsInRepo(runner('type: [NginxStatic]'))).toEqual([
      'repos/app.yml:5:15: branches.master.runners.node.type: expected one of `NginxBackend`, `NginxStatic`, `SimpleProcess`, `UwsgiNginxBackend`, found a list',
    ])
  })

  test.each([
    ['process_count: four', '24: …process_count: expected a whole number from 1 to 1000, found `four`'],
    ['process_count: 0', '24: …process_count: expected a whole number from 1 to 1000, found `0`'],
    ['process_count: 1.5', '24: …process_count: expected a whole number from 1 to 1000, found `1.5`'],
    ['process_count:', '9: …process_count: expected a whole number from 1 to 1000, found nothing'],
    ['stop_timeout: -1', '23: …stop_timeout: expected a number from 0 to 2000000, found `-1`'],
    ['strategy: both', '19: …strategy: expected one of `overlap`, `stop_first`, found `both`'],
    ['health: 5', '17: …health: expected a mapping (`key: value` lines, indented), found a number'],
    ['health: {interval: 0}', '28: …health.interval: expected a number above 0, at most 2000000, found `0`'],
    [
      'health: {status: ok}',
      '26: …health.status: expected an HTTP status from 100 to 599, or a range of them as in `200-399`',
    ],
    [
      'health: {status: 399-200}',
      '26: …health.status: expected an HTTP status from 100 to 599, or a range of them as in `200-399`',
    ],
    [
      'health: {path: healthz}',
      '24: …health.path: expected a path as in `/healthz`; spaces and characters beyond ASCII are written as %XX',
    ],
    [
      'nginx_proxy_path: "/x; deny all"',
      '27: …nginx_proxy_path: expected a path that begins with `/` and holds no spaces, quotes, `;`, `{` or `}`',
    ],
    ['nginx_extra_config: gzip off', '29: …nginx_extra_config: the directive `gzip` is not ended by a `;`'],
    [
      'nginx_extra_config: "} server {"',
      '29: …nginx_extra_config: there is a `}` without its `{`; it would end the block around this text',
    ],
  ])('%s', async (line, expected) => {
    expect(await problemsInRepo(runner(...WEB, line))).toEqual([
      `repos/app.yml:7:${expected.replace('…', 'branches.master.runners.node.')}`,
    ])
  })

  test('a command is text that is not empty', async () => {
    expect(await problemsInRepo(runner('type: SimpleProcess', 'cmd: [npm, start]'))).toEqual([
      'repos/app.yml:6:14: branches.master.runners.node.cmd: expected text, found a list',
    ])
    expect(await problemsInRepo(runner('type: SimpleProcess', "cmd: ''"))).toEqual([
      'repos/app.yml:6:14: branches.master.runners.node.cmd: the text is empty',
    ])
  })

  test('hooks and custom commands are texts or lists of texts', async () => {
    const text =
      'branches:\n  main:\n    runners: {}\n    hooks: {build: [], after_build: [a, {}], maintenence: x}\n    custom_cmds: {ls: 1, none: }\n'
    expect(await problemsInRepo(text)).toEqual([
      'repos/app.yml:4:13: branches.main.hooks.build: the list is empty',
      'repos/app.yml:4:41: branches.main.hooks.after_build.1: expected text, found a mapping',
      'repos/app.yml:4:46: branches.main.hooks: unknown key `maintenence`; did you mean `maintenance`?',
      'repos/app.yml:5:26: branches.main.custom_cmds.none: expected text or a list of texts, found nothing',
    ])
  })

  test('variables have names and values; no value is shown', async () => {
    const text =
      'branches: {main: {runners: {}, env: {1A: x, A-B: x, NONE: , LIST: [secret], MAP: {a: secret}, "": x}}}'
    expect(await problemsInRepo(text)).toEqual([
      'repos/app.yml:1:38: branches.main.env.1A: the name of an environment variable has only letters, digits and `_`, and no digit first',
      'repos/app.yml:1:45: branches.main.env.A-B: the name of an environment variable has only letters, digits and `_`, and no digit first',
      "repos/app.yml:1:53: branches.main.env.NONE: expected text, found nothing; an empty text is written `''`",
      'repos/app.yml:1:67: branches.main.env.LIST: expected text, found a list',
      'repos/app.yml:1:82: branches.main.env.MAP: expected text, found a mapping',
      'repos/app.yml:1:95: a key has to be one piece of text',
    ])
    expect(await problemsInRepo('branches: {main: {runners: {}, env: SECRET=abc}}')).toEqual([
      'repos/app.yml:1:37: branches.main.env: expected a mapping (`key: value` lines, indented), found text',
    ])
    expect(await problemsInRepo('branches: {main: {runners: {}, env: {A: "a\\0b"}}}')).toEqual([
      'repos/app.yml:1:41: a NUL character cannot be part of a value',
    ])
  })

  test.each([
    ['../secrets', '`..` leads out of the checkout; name a directory below it'],
    ['public/../../x', '`..` leads out of the checkout; name a directory below it'],
    ["'a$b'", 'quotes, `\\`, `$`, `;`, `{`, `}` and control characters cannot be part of it'],
    ['"a\\nb"', 'quotes, `\\`, `$`, `;`, `{`, `}` and control characters cannot be part of it'],
  ])('subdirectory %s', async (value, expected) => {
    expect(await problemsInRepo(runner('type: NginxStatic', `subdirectory: ${value}`))).toEqual([
      `repos/app.yml:6:23: branches.master.runners.node.subdirectory: ${expected}`,
    ])
  })

  test('settings of the host', async () => {
    const text = `ports: {min: 0, max: 70000}
ssh: {}
services: {mode: systemd}
nginx: {http: 127.0.0.1, https: 8443}
releases: {keep: 0}
builds: {timeout: long}
git: {max_push: 1G}
drain_timeout: true
ssl_config: ssl_protocols TLSv1.3
`
    expect(await problemsInMain(text)).toEqual([
      'pypaas.yml:1:14: ports.min: expected a whole number from 1 to 65535, found `0`',
      'pypaas.yml:1:22: ports.max: expected a whole number from 1 to 65535, found `70000`',
      'pypaas.yml:2:1: ssh: `listen` is missing',
      'pypaas.yml:3:18: services.mode: expected one of `managed`, `external`, found `systemd`',
      'pypaas.yml:4:15: nginx.http: expected a port (1 to 65535), `host:port` or `"[IPv6 address]:port"`',
      'pypaas.yml:5:18: releases.keep: expected a whole number, 1 or more, found `0`',
      'pypaas.yml:6:19: builds.timeout: expected a number above 0, at most 2000000, found `long`',
      'pypaas.yml:7:17: git.max_push: expected a size above 0: a number of bytes, or with a unit as in `500MiB` or `1GiB`',
      'pypaas.yml:8:16: drain_timeout: expected a number from 0 to 2000000, found `true`',
      'pypaas.yml:9:13: ssl_config: the directive `ssl_protocols` is not ended by a `;`',
    ])
  })

  test('ports that are exchanged, and addresses that are in use twice', async () => {
    expect(await problemsInMain('ports: {min: 200, max: 100}\n')).toEqual([
      'pypaas.yml:1:14: ports: `min` (200) is above `max` (100); exchange them',
    ])
    expect(
      await problemsInMain(`${MAIN}ssh: {listen: 80}\nnginx: {http: '127.0.0.1:80', https: '[::1]:80'}\n`),
    ).toEqual([
      'pypaas.yml:3:15: nginx.http: `ssh.listen` listens on port 80 already',
      'pypaas.yml:3:38: nginx.https: `ssh.listen` listens on port 80 already',
    ])
    expect(await problemsInMain(`${MAIN}nginx: {http: '127.0.0.1:80', https: '127.0.0.2:80'}\n`)).toEqual([])
  })
})

describe('the YAML itself', () => {
  test.each([
    ['', '1:1: the file is empty; it needs at least `branches:`'],
    ['# nothing\n', '1:1: the file is empty; it needs at least `branches:`'],
    ['---\n', '1:1: the file is empty; it needs at least `branches:`'],
    ['- a\n', '1:1: expected a mapping (`key: value` lines, indented) with `branches:` at the top'],
    ['branches:\n\tmain:\n', '2:1: a tab cannot indent in YAML; use spaces'],
    ['branches: a: b\n', '1:11: a second `:` in one line; put a value that holds `: ` in quotes'],
    [
      'branches: @x\n',
      '1:11: not valid YAML: plain value cannot start with reserved character @; put the value in quotes',
    ],
    ['branches: "x\n', '2:1: a " that was opened before is not closed'],
    [
      'branches: {}\n---\nbranches: {}\n',
      '2:1: a second document begins here; a file holds one, so remove this `---`',
    ],
    ['branches: *main\n', '1:11: `*main` refers to an anchor that is not defined above it'],
    ['branches: &a {main: *a}\n', '1:21: `*a` refers to an anchor that is not defined above it'],
    ['? [a]\n: b\nbranches: {m: {runners: {}}}\n', '1:3: a key has to be one piece of text'],
  ])('%j', async (text, expected) => {
    const [first] = await problemsInRepo(text)
    expect(first).toBe(`repos/app.yml:${expected}`)
  })

  test('a key that is there twice', async () => {
    expect(await problemsInRepo(`${REPO}${REPO}`)).toEqual([
      'repos/app.yml:2:1: `branches` is there twice; remove one of them',
    ])
    expect(await problemsInRepo('branches: {1: {runners: {}}, "1": {runners: {}}}')).toEqual([
      'repos/app.yml:1:30: `1` is there twice; remove one of them',
    ])
  })

  test('a tag, and a merge of what is no mapping', async () => {
    expect(await problemsInRepo('branches:\n  main:\n    runners: {}\n    env: {A: !secret x}\n')).toEqual([
      'repos/app.yml:4:14: unknown tag !secret; write the value without it',
    ])
    expect(await problemsInRepo('branches:\n  main:\n    runners: {}\n    env: {<<: x}\n')).toEqual([
      'repos/app.yml:4:15: `<<` takes a mapping, as in `<<: *name`',
    ])
  })

  test('aliases that multiply are refused, not followed', async () => {
    const lines = ['a: &a0 {x: 1, y: 2}']
    for (let level = 1; level < 30; level++)
      lines.push(`b${level}: &a${level} {l: *a${level - 1}, r: *a${level - 1}}`)
    expect(await problemsInRepo(`${lines.join('\n')}\nbranches: *a29\n`)).toEqual([
      'repos/app.yml:1:1: the aliases (`*name`) in this file multiply without end',
    ])
  })

  test('lines that end as on Windows, and a byte order mark, are fine', async () => {
    expect(await problemsInRepo(`\ufeffbranches:\r\n  main:\r\n    runners: {}\r\n    evn: {}\r\n`)).toEqual([
      'repos/app.yml:4:5: branches.main: unknown key `evn`; did you mean `env`?',
    ])
  })
})

describe('names', () => {
  test.each([
    ['-x', 'the name of a repo cannot be empty or begin with `-`, `.` or `~`'],
    ['a b', 'the name of a repo cannot hold spaces'],
    ['a"b', 'the name of a repo cannot hold quotes, `\\` or `:`'],
    [
      'x.git',
      'the name of a repo cannot end in `.git`: git clients leave it out; rename the file to `x.yml`',
    ],
  ])('the repo %j', async (name, expected) => {
    expect(await problemsIn({ [`repos/${name}.yml`]: REPO })).toEqual([`repos/${name}.yml:1:1: ${expected}`])
  })

  test.each([
    ['a..b', 'holds `..`'],
    ['a b', 'holds spaces or control characters'],
    ['a~1', 'holds `~`'],
    ['a@{1}', 'holds `@{`'],
    ['-a', 'begins with `-`'],
    ['/a', 'begins or ends with `/`'],
    ['a//b', 'holds `//`'],
    ['a.', 'ends with `.`'],
    ['a/.b', 'has a part that begins with `.`'],
    ['a.lock/b', 'has a part that ends with `.lock`'],
    ['@', 'is `@` or `HEAD`'],
  ])('the branch %j', async (name, expected) => {
    expect(await problemsInRepo(`branches: {${JSON.stringify(name)}: {runners: {}}}`)).toEqual([
      `repos/app.yml:1:12: branches.${name === '-a' ? name : JSON.stringify(name)}: git does not allow a branch name that ${expected}`,
    ])
  })

  test('two branches that git cannot hold at once', async () => {
    expect(
      await problemsInRepo('branches:\n  a: {runners: {}}\n  ab: {runners: {}}\n  a/b: {runners: {}}\n'),
    ).toEqual(['repos/app.yml:2:3: branches.a: git cannot hold both `a` and `a/b`; rename one of them'])
  })

  test('names that no file can carry', async () => {
    const long = 'x'.repeat(250)
    expect(await problemsInRepo(`branches: {main: {runners: {${long}: {type: NginxStatic}}}}`)).toEqual([
      `repos/app.yml:1:29: branches.main.runners.${long}: the name is too long: \`app main ${'x'.repeat(51)}…\``,
    ])
    expect(await problemsInRepo('branches: {main: {runners: {"a\\nb": {type: NginxStatic}}}}')).toEqual([
      'repos/app.yml:1:29: branches.main.runners."a\\nb": the name of a runner cannot be empty or hold control characters',
    ])
  })

  test('more processes than one svscan holds', async () => {
    const text =
      'branches: {main: {runners: {a: {type: SimpleProcess, cmd: x, process_count: 999}, b: {type: SimpleProcess, cmd: x, process_count: 2}}}}'
    expect(await problemsInRepo(text)).toEqual([
      'repos/app.yml:1:19: branches.main.runners: 1001 processes are more than the 1000 that a branch may have',
    ])
  })

  test.each([
    ['_', '`_` is not a domain name; expected one like `www.example.com` or `*.example.com`'],
    ['a..b', '`a..b` is not a domain name; expected one like `www.example.com` or `*.example.com`'],
    ['a b', '`a b` is not a domain name; expected one like `www.example.com` or `*.example.com`'],
    ['a;b', '`a;b` is not a domain name; expected one like `www.example.com` or `*.example.com`'],
    ['www.*', '`www.*` is not a domain name; expected one like `www.example.com` or `*.example.com`'],
    [
      '*.münchen.de',
      '`*.münchen.de` has to be written in ASCII; rename the file to `*.xn--mnchen-3ya.de.yml`',
    ],
  ])('the domain %j', async (name, expected) => {
    expect(await problemsIn({ 'repos/app.yml': REPO, [`domains/${name}.yml`]: DOMAIN })).toEqual([
      `domains/${name}.yml:1:1: ${expected}`,
    ])
  })
})

describe('domains', () => {
  const upstream = '{upstream: {repo: app, branch: main, runner: web}}'

  test.each([
    ['x', 'a path begins with `/`; the forms are `/path`, `= /path`, `^~ /path`, `~ regex` and `~* regex`'],
    ['/a b', 'spaces, quotes, `{`, `}` and `;` have to stand in quotes, as in `\'~ "^/[a-z]{2}/"\'`'],
    [
      '/ { return 200; } location /x',
      'spaces, quotes, `{`, `}` and `;` have to stand in quotes, as in `\'~ "^/[a-z]{2}/"\'`',
    ],
    ['/a\nb', 'line breaks and other control characters cannot be part of a location'],
    ['~ \\', 'spaces, quotes, `{`, `}` and `;` have to stand in quotes, as in `\'~ "^/[a-z]{2}/"\'`'],
    ['~ #x', 'a regular expression cannot begin with `#` in nginx'],
    ['=', 'the path is missing'],
  ])('the location %j', async (key, expected) => {
    expect(await problemsInDomain(`locations: {${JSON.stringify(key)}: ${upstream}}`)).toEqual([
      `domains/example.com.yml:1:13: locations.${/^[\w-]+$/.test(key) ? key : JSON.stringify(key)}: ${expected}`,
    ])
  })

  test('locations that are one to nginx', async () => {
    const text = `locations:\n  /x: ${upstream}\n  ^~ /x: ${upstream}\n  = /x: ${upstream}\n  =/x: ${upstream}\n`
    expect(await problemsInDomain(text)).toEqual([
      'domains/example.com.yml:3:3: locations."^~ /x": to nginx this is the same location as `/x`',
      'domains/example.com.yml:5:3: locations."=/x": to nginx this is the same location as `= /x`',
    ])
  })

  test('settings of a domain', async () => {
    const text = `${DOMAIN}ssl: maybe
ssl_certificate: cert.pem
ssl_certificate_key: "/etc/a b.key"
nginx_http_extra_config: 'return 301 "x;'
nginx_https_extra_config: location /x {
extra_listen_options: default_server; root /
`
    expect(await problemsInDomain(text)).toEqual([
      'domains/example.com.yml:2:6: ssl: expected `true` or `false`, found `maybe`',
      'domains/example.com.yml:3:18: ssl_certificate: expected an absolute path without spaces and quotes; `{domain}` stands for the domain',
      'domains/example.com.yml:4:22: ssl_certificate_key: expected an absolute path without spaces and quotes; `{domain}` stands for the domain',
      'domains/example.com.yml:5:26: nginx_http_extra_config: a " is not closed',
      'domains/example.com.yml:6:27: nginx_https_extra_config: a `{` is not closed by a `}`',
      "domains/example.com.yml:7:23: extra_listen_options: expected options of nginx's `listen`, as in `proxy_protocol`",
    ])
  })

  test('what they show has to exist', async () => {
    const text = `locations:
  /a: {upstream: {repo: ap, branch: main, runner: web}}
  /b: {upstream: {repo: app, branch: master, runner: web}}
  /c: {upstream: {repo: app, branch: main, runner: wbe}}
  /d: {upstream: {repo: app, branch: main, runner: web}, maintenance_upstream: {repo: other, branch: x, runner: x}}
`
    expect(await problemsInDomain(text)).toEqual([
      'domains/example.com.yml:2:25: locations."/a".upstream.repo: there is no repo `ap`; did you mean `app`?',
      'domains/example.com.yml:3:38: locations."/b".upstream.branch: the repo `app` has no branch `master`; there are: `main`',
      'domains/example.com.yml:4:52: locations."/c".upstream.runner: the branch `main` of `app` has no runner `wbe`; did you mean `web`?',
      'domains/example.com.yml:5:87: locations."/d".maintenance_upstream.repo: there is no repo `other`; there are: `app`',
    ])
  })

  test('what they show has to be something that nginx can show', async () => {
    const repo =
      'branches: {main: {runners: {bot: {type: SimpleProcess, cmd: x}, files: {type: NginxStatic}}}}'
    const files = { 'repos/app.yml': repo, 'domains/example.com.yml': DOMAIN.replace('web', 'bot') }
    expect(await problemsIn(files)).toEqual([
      'domains/example.com.yml:1:61: locations."/".upstream.runner: the runner `bot` is a SimpleProcess, which nginx cannot show; those it can: `files`',
    ])
  })

  test('one name is claimed by one file', async () => {
    const files = {
      'repos/app.yml': REPO,
      'domains/Example.com.yml': DOMAIN,
      'domains/example.com..yml': DOMAIN,
    }
    const [problem, ...others] = await problemsIn(files)
    expect(problem).toBe(
      'domains/example.com..yml:1:1: the domain `example.com` is defined in domains/Example.com.yml too; remove one of the two files',
    )
    expect(others).toEqual([])
  })

  test('one repo is defined in one file', async () => {
    expect(await problemsIn({ 'repos/app.yml': REPO, 'repo/app.yml': REPO })).toEqual([
      'repo/app.yml:1:1: the repo `app` is defined in repos/app.yml too; remove one of the two files',
    ])
  })
})

test('all problems of all files come in one report, those behind another one too', async () => {
  const repo = runner('type: NginxBackend', 'cmd: [x]', 'health: {status: 20}', 'strateg: overlap')
  const domain = 'ssl: perhaps\nlocations:\n  /x y:\n  /: {upstream: {repo: nope, branch: 1, runner: 1}}\n'
  const files = {
    'pypaas.yml': 'nginx: {http: x}\nport: 1\n',
    'repos/app.yml': `${repo}\n  a..b: {runners: {}}\n`,
    'domains/example.com.yml': domain,
  }
  expect(await problemsIn(files)).toEqual([
    'pypaas.yml:1:15: nginx.http: expected a port (1 to 65535), `host:port` or `"[IPv6 address]:port"`',
    'pypaas.yml:2:1: unknown key `port`; did you mean `ports`?',
    'repos/app.yml:6:14: branches.master.runners.node.cmd: expected text, found a list',
    'repos/app.yml:7:26: branches.master.runners.node.health.status: expected an HTTP status from 100 to 599, or a range of them as in `200-399`',
    'repos/app.yml:8:9: branches.master.runners.node: unknown key `strateg`; did you mean `strategy`?',
    'repos/app.yml:9:3: branches."a..b": git does not allow a branch name that holds `..`',
    'domains/example.com.yml:1:6: ssl: expected `true` or `false`, found `perhaps`',
    'domains/example.com.yml:3:3: locations."/x y": expected a mapping (`key: value` lines, indented), found nothing',
    'domains/example.com.yml:4:24: locations."/".upstream.repo: there is no repo `nope`; there are: none',
  ])
})
