import { expect, test } from 'vitest'
import { matchOf, matchText } from '../../src/nginx/match.ts'
import { complaintOf, mistakesOf, placeOf } from '../../src/nginx/mistake.ts'
import { isAtLeast, readVersions } from '../../src/nginx/program.ts'
import type { NginxFile } from '../../src/nginx/render.ts'
import { nginxQuote } from '../../src/nginx/quote.ts'
import { urlsOf } from '../../src/nginx/urls.ts'
import type { Config } from '../../src/config/types.ts'
import { mainConfig } from '../support/context.ts'
import { domainOf } from './support.ts'

test('plain text stands as it is, other text is quoted', () => {
  expect(nginxQuote('/home/deploy/%41+b.crt')).toBe('/home/deploy/%41+b.crt')
  expect(nginxQuote('a b')).toBe('"a b"')
  expect(nginxQuote('a"b\\c;{}')).toBe('"a\\"b\\\\c;{}"')
  expect(nginxQuote('$1')).toBe('"${pypaas_dollar}1"')
  expect(nginxQuote('')).toBe('""')
  expect(nginxQuote('/a b/', '$is_args')).toBe('"/a b/$is_args"')
})

test('locations are read as the configuration allows them', () => {
  expect(matchOf('/x')).toEqual({ modifier: '', path: '/x', written: '/x' })
  expect(matchOf('= /x')).toEqual({ modifier: '=', path: '/x', written: '/x' })
  expect(matchOf('~* "^/a{2}"')).toEqual({ modifier: '~*', path: '^/a{2}', written: '"^/a{2}"' })
  expect(['^~ /x', '~^/x', '/~x'].map((path) => matchText(matchOf(path)))).toEqual(['^~ /x', '~ ^/x', '/~x'])
})

test("nginx's first failure is found in both forms that it writes", () => {
  expect(
    complaintOf([
      'nginx: [warn] conflicting server name "a" on 0.0.0.0:80, ignored',
      'nginx: [emerg] unknown directive "x" in /home/a b/nginx.d/d.conf:12',
      'nginx: configuration file /etc/nginx/nginx.conf test failed',
    ]),
  ).toEqual({ message: 'unknown directive "x"', file: '/home/a b/nginx.d/d.conf', line: 12 })
  expect(complaintOf(['2026/01/02 03:04:05 [emerg] 77#77: bind() to [::]:80 failed (98: in use)'])).toEqual({
    message: 'bind() to [::]:80 failed (98: in use)',
    file: undefined,
    line: undefined,
  })
  expect(complaintOf(['nginx: the configuration file /x syntax is ok'])).toBeUndefined()
})

test("a line within the operator's text is told by its key, one of ours is not", () => {
  const text =
    'server {\n    listen 80;\n    # >> domains/a.yml nginx_http_extra_config\none;\n\ntwo;\n    # <<\n}\n'
  expect(placeOf(text, 2)).toBeUndefined()
  expect(placeOf(text, 4)).toBe('domains/a.yml nginx_http_extra_config, line 1')
  expect(placeOf(text, 6)).toBe('domains/a.yml nginx_http_extra_config, line 3')
  // What the text leaves open is found at its end.
  expect(placeOf(text, 7)).toBe('domains/a.yml nginx_http_extra_config, line 4')
  expect(placeOf(text, 8)).toBeUndefined()
})

function fileWith(certificate: string): NginxFile {
  const heading = `# Written by pypaas from domains/${certificate}.yml; x`
  return {
    text: `${heading}\nserver {\n    ssl_certificate /c/${certificate}.crt;\n}\n`,
    domain: certificate,
    refs: [],
  }
}

test('a certificate is looked for in the files that name it', () => {
  const files = new Map([
    ['a.conf', fileWith('a')],
    ['b.conf', fileWith('b')],
  ])
  const complaint = {
    message:
      'cannot load certificate "/c/b.crt": PEM_read_bio_X509_AUX() failed (SSL: error:0480006C:PEM routines::no start line)',
    file: undefined,
    line: undefined,
  }
  expect(mistakesOf(complaint, '/sets/1', files)).toEqual([
    { file: 'b.conf', reason: `${complaint.message} (domains/b.yml ssl_certificate)` },
  ])
  expect(mistakesOf({ ...complaint, message: 'no "/c/c.crt"' }, '/sets/1', files)).toEqual([])
})

test('versions are compared number by number', () => {
  expect(
    readVersions(
      'nginx version: nginx/1.22.1\nbuilt with OpenSSL 3.0.20 7 Apr 2026 (running with OpenSSL 3.0.19 x)',
    ),
  ).toEqual({ version: [1, 22, 1], openssl: [3, 0, 19] })
  expect(readVersions('nginx version: openresty/1.27.1.2\nbuilt with OpenSSL 3.5.1')).toEqual({
    version: [1, 27, 1],
    openssl: [3, 5, 1],
  })
  expect(readVersions('usage: nginx')).toBeUndefined()
  expect(isAtLeast([1, 25, 1], [1, 25, 1])).toBe(true)
  expect(isAtLeast([1, 9, 15], [1, 25, 1])).toBe(false)
  expect(isAtLeast([2, 0, 0], [1, 25, 1])).toBe(true)
})

function config(http: number, https: number): Config {
  return {
    dir: '/c',
    main: mainConfig({
      nginx: {
        ...mainConfig().nginx,
        http: { host: undefined, port: http },
        https: { host: undefined, port: https },
      },
    }),
    repos: new Map(),
    domains: new Map(
      [
        domainOf('a.test', {
          '/': 'web/node',
          '/public': 'web/files',
          '/api/': 'api/node',
          '~ \\.png$': 'web/files',
        }),
        domainOf('*.b.test', { '= /status': 'web/node' }, { ssl: true }),
        domainOf('.c.test', { '^~ /c/': 'web/node' }, { ssl: true }),
      ].map((domain) => [domain.name, domain]),
    ),
    problems: [],
  }
}

test('the URLs of a branch name scheme, host, port and path', () => {
  const ref = { repo: 'web', branch: 'main' }
  expect(urlsOf(config(80, 443), ref)).toEqual([
    'http://a.test/',
    'http://a.test/public',
    'https://*.b.test/status',
    'https://c.test/c/',
  ])
  expect(urlsOf(config(8080, 8443), { repo: 'api', branch: 'main' })).toEqual(['http://a.test:8080/api/'])
  expect(urlsOf(config(8080, 8443), ref).at(-1)).toBe('https://c.test:8443/c/')
  expect(urlsOf(config(80, 443), { repo: 'web', branch: 'other' })).toEqual([])
})
