import { expect, test } from 'vitest'
import type { Config, DomainConfig, MainConfig } from '../../src/config/types.ts'
import type { HostFacts } from '../../src/nginx/facts.ts'
import { renderFiles } from '../../src/nginx/render.ts'
import { shapeOf, type LiveBranch } from '../../src/nginx/upstreams.ts'
import { viewOf } from '../../src/nginx/view.ts'
import type { ReleaseRunner } from '../../src/release.ts'
import { mainConfig } from '../support/context.ts'
import { backend, domainOf, files, uwsgiBackend } from './support.ts'

const FACTS: HostFacts = {
  version: [1, 22, 1],
  openssl: [3, 0, 19],
  ipv6: true,
  chains: new Set(),
  switching: { kind: 'reload', missing: undefined },
}

function everywhere(mode: 'managed' | 'system' = 'managed'): MainConfig {
  return mainConfig({
    nginx: {
      ...mainConfig().nginx,
      mode,
      http: { host: undefined, port: 80 },
      https: { host: undefined, port: 443 },
    },
  })
}

async function render(
  domains: readonly DomainConfig[],
  live: readonly LiveBranch[],
  options: { main?: MainConfig; facts?: HostFacts } = {},
): Promise<Record<string, string>> {
  const config: Config = {
    dir: '/c',
    main: options.main ?? everywhere(),
    repos: new Map(),
    domains: new Map(domains.map((domain) => [domain.name, domain])),
    problems: [],
  }
  const rendered = renderFiles(viewOf(config, live, options.facts ?? FACTS))
  return Object.fromEntries([...rendered.files].map(([name, { text }]) => [name, text]))
}

function branchOf(repo: string, runners: readonly ReleaseRunner[]): LiveBranch {
  const ref = { repo, branch: 'main' }
  const snapshot = { checkout: 'c', commit: 'd', subject: '', by: '', created: '', env: {} }
  return {
    ref,
    release: { ...ref, release: 'r', ...snapshot, runners },
    maintenance: false,
    root: `/home/deploy/state/${repo}/main/current_checkout`,
  }
}

test('a branch has one file, with an upstream for each runner that has processes', async () => {
  const branch = branchOf('Web', [
    backend('node', [61500, 61501], { nginxExtraUpstreamConfig: 'keepalive 32;\n' }),
    files('static'),
    uwsgiBackend('py', [61502]),
  ])
  expect(await render([], [branch])).toEqual({
    '00-pypaas.conf': expect.any(String),
    'upstream+%57eb+main.conf': `# Written by pypaas for repo Web, branch main; changes made here are lost.

upstream %57eb+main+node {
    # A process that was restarted gets requests again after a second, not after ten.
    server 127.0.0.1:61500 fail_timeout=1s;
    server 127.0.0.1:61501 fail_timeout=1s;
    # >> repos/Web.yml branches.main.runners.node.nginx_extra_upstream_config
keepalive 32;
    # <<
}

upstream %57eb+main+py {
    # A process that was restarted gets requests again after a second, not after ten.
    server 127.0.0.1:61502 fail_timeout=1s;
}
`,
  })
})

test('a domain has one file: its server, our defaults unless it has its own, its locations', async () => {
  const domain = domainOf(
    'a.test',
    { '/': 'web/node', '/public': 'web/static', '= /favicon.ico': 'web/static', '/new': 'new/node' },
    { nginxHttpExtraConfig: 'gzip off;\nproxy_read_timeout 5m;\n', extraListenOptions: 'backlog=1024' },
  )
  const branch = branchOf('web', [backend('node', [61500]), files('static', { subdirectory: 'public' })])
  const root = '/home/deploy/state/web/main/current_checkout'
  expect((await render([domain], [branch]))['domain+a.test.conf'])
    .toBe(`# Written by pypaas from domains/a.test.yml; changes made here are lost.

server {
    listen 80 backlog=1024;
    listen [::]:80 backlog=1024;
    server_name a.test;
    absolute_redirect off;
    gzip_comp_level 6;
    gzip_min_length 1100;
    gzip_proxied any;
    gzip_vary on;
    gzip_types text/plain text/css text/csv text/javascript text/xml application/javascript application/json application/ld+json application/manifest+json application/xml application/atom+xml application/rss+xml application/vnd.ms-fontobject application/wasm font/otf font/ttf image/bmp image/svg+xml image/x-icon;
    proxy_http_version 1.1;
    proxy_connect_timeout 60s;
    proxy_send_timeout 60s;
    proxy_set_header Host $pypaas_host;
    proxy_set_header Upgrade $pypaas_upgrade;
    proxy_set_header Connection $pypaas_connection;
    proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Host $pypaas_host;
    proxy_set_header X-Forwarded-Port $server_port;
    proxy_set_header X-Request-Start t=\${msec};
    proxy_set_header Proxy "";
    # >> domains/a.test.yml nginx_http_extra_config
gzip off;
proxy_read_timeout 5m;
    # <<

    location / {
        proxy_pass http://web+main+node;
    }

    location = /public {
        return 301 /public/$is_args$args;
    }

    location /public/ {
        alias ${root}/public/;
        disable_symlinks on from=${root};
        index index.html;
        if ($uri ~ "/\\.(?!well-known(?:/|$))") { return 404; }
    }

    location = /favicon.ico {
        root ${root}/public;
        disable_symlinks on from=${root};
        index index.html;
        if ($uri ~ "/\\.(?!well-known(?:/|$))") { return 404; }
    }

    location /new {
        default_type "text/html; charset=utf-8";
        add_header Retry-After 30 always;
        add_header Cache-Control no-store always;
        return 503 $pypaas_unavailable;
    }
}
`)
})

test('a domain with TLS has two servers, in the syntax of the version', async () => {
  const domain = domainOf(
    'a.test',
    {},
    { ssl: true, sslCertificate: '/c/a.crt', sslCertificateKey: '/c/a.key' },
  )
  const former = (await render([domain], []))['domain+a.test.conf'] ?? ''
  expect(former).toContain(`server {
    listen 80;
    listen [::]:80;
    server_name a.test;

    location / {
        return 301 https://$host$request_uri;
    }
}

server {
    listen 443 ssl http2;
    listen [::]:443 ssl http2;
    server_name a.test;
`)
  expect(former).toContain(`
    ssl_certificate /c/a.crt;
    ssl_certificate_key /c/a.key;
    ssl_protocols TLSv1.2 TLSv1.3;
`)
  const facts: HostFacts = { ...FACTS, version: [1, 25, 1], openssl: [3, 5, 0] }
  const recent = await render([domain], [], { facts })
  for (const file of ['00-pypaas.conf', 'domain+a.test.conf']) {
    expect(recent[file]).toContain('    listen 443 ssl;\n    listen [::]:443 ssl;\n    http2 on;\n')
    expect(recent[file]).toContain('ssl_ecdh_curve X25519MLKEM768:X25519:prime256v1:secp384r1;')
  }
})

async function listening(host: string | undefined, ipv6: boolean): Promise<string[]> {
  const main = mainConfig({ nginx: { ...mainConfig().nginx, http: { host, port: 8080 } } })
  const text = (await render([], [], { main, facts: { ...FACTS, ipv6 } }))['00-pypaas.conf'] ?? ''
  return text.match(/listen .*;/g) ?? []
}

test('addresses are written as nginx wants them', async () => {
  expect(await listening(undefined, true)).toEqual(['listen 8080;', 'listen [::]:8080;'])
  expect(await listening(undefined, false)).toEqual(['listen 8080;'])
  expect(await listening('127.0.0.1', true)).toEqual(['listen 127.0.0.1:8080;'])
  expect(await listening('::1', true)).toEqual(['listen [::1]:8080;'])
  expect(await listening('[::1]', true)).toEqual(['listen [::1]:8080;'])
})

/** How many servers answer for unknown hosts. */
async function defaultServers(domains: readonly DomainConfig[]): Promise<number> {
  const text = (await render(domains, [], { main: everywhere('system') }))['00-pypaas.conf'] ?? ''
  return text.match(/^server \{/gm)?.length ?? 0
}

test("the host's own nginx answers for nothing before there is a domain, nor for TLS without a certificate", async () => {
  expect(await defaultServers([])).toBe(0)
  expect(await defaultServers([domainOf('a.test', {})])).toBe(1)
  expect(await defaultServers([domainOf('a.test', {}, { ssl: true })])).toBe(2)
})

test('a runner that the live release does not have is answered by the 503 page, as is one without processes', async () => {
  const domain = domainOf('a.test', { '/': 'web/added', '/worker': 'web/worker' })
  const { nginxProxyPath: _, ...shared } = { ...backend('worker', []), nginxProxyPath: '' }
  const worker = { ...shared, type: 'SimpleProcess' } as ReleaseRunner
  const text = (await render([domain], [branchOf('web', [worker])]))['domain+a.test.conf'] ?? ''
  expect(text.match(/return 503 \$pypaas_unavailable;/g)).toHaveLength(2)
})

test('names that differ have files that differ, also if they are long', async () => {
  const names = ['a', 'A', 'a+b', `${'x'.repeat(250)}1`, `${'x'.repeat(250)}2`]
  const rendered = Object.keys(
    await render(
      [],
      names.map((name) => branchOf(name, [backend('node', [1])])),
    ),
  )
  expect(new Set(rendered).size).toBe(names.length + 1)
  expect(Math.max(...rendered.map((name) => name.length))).toBeLessThan(256)
})

test('where Lua switches, no file holds a port, and locations are counted', async () => {
  const facts: HostFacts = {
    ...FACTS,
    switching: { kind: 'lua', control: '/h/run/nginx-switch/control.sock', seed: '/h/seed.json' },
  }
  const branch = branchOf('web', [
    backend('kept', [61500], { nginxExtraUpstreamConfig: 'keepalive 8;\n' }),
    backend('own', [61501], { nginxExtraUpstreamConfig: 'least_conn;\n' }),
    backend('low', [1023]),
  ])
  const domain = domainOf('a.test', { '/': 'web/kept' })
  const shape = shapeOf(branch).slice(0, 8)
  const texts = await render([domain, domainOf('b.test', {})], [branch], { facts })
  expect(texts['upstream+web+main.conf'])
    .toBe(`# Written by pypaas for repo web, branch main; changes made here are lost.

upstream web+main+kept {
    # nginx wants a server here; the process is named below, by what the control socket was told.
    server 127.0.0.1:1;
    balancer_by_lua_block { require("pypaas").balance("web+main+kept+${shape}") }
    # >> repos/web.yml branches.main.runners.kept.nginx_extra_upstream_config
keepalive 8;
    # <<
}

upstream web+main+own {
    # A process that was restarted gets requests again after a second, not after ten.
    server 127.0.0.1:61501 fail_timeout=1s;
    # >> repos/web.yml branches.main.runners.own.nginx_extra_upstream_config
least_conn;
    # <<
}

upstream web+main+low {
    # A process that was restarted gets requests again after a second, not after ten.
    server 127.0.0.1:1023 fail_timeout=1s;
}
`)
  expect(texts['domain+a.test.conf']).toContain('    log_by_lua_block { require("pypaas").logged() }\n')
  expect(texts['domain+b.test.conf']).not.toContain('log_by_lua')
  const shared = texts['00-pypaas.conf'] ?? ''
  expect(shared).toContain('\nend)("/h/seed.json", "/h/run/nginx-switch/control.sock")\n}\n')
  expect(shared).toContain('    listen unix:/h/run/nginx-switch/control.sock;\n')
})
