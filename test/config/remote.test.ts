import { describe, expect, it } from 'vitest'
import { parseRemote } from '../../src/config/remote.ts'

describe('remotes of git', () => {
  it.each([
    ['git@example.com:org/app.git', { url: 'git@example.com:org/app.git', directory: '', branch: undefined }],
    [
      'git@example.com:org/app.git/conf/live#next/one',
      { url: 'git@example.com:org/app.git', directory: 'conf/live', branch: 'next/one' },
    ],
    [
      'git+ssh://git@example.com:2222/org/app.git/conf#main',
      { url: 'ssh://git@example.com:2222/org/app.git', directory: 'conf', branch: 'main' },
    ],
    ['git+http://example.com/app.git/', { url: 'http://example.com/app.git', directory: '' }],
    ['git+https://example.com/group/app', { url: 'https://example.com/group/app', directory: '' }],
    ['/srv/git/app.git/conf#main', { url: '/srv/git/app.git', directory: 'conf', branch: 'main' }],
    ['/srv/checkouts/app#main', { url: '/srv/checkouts/app', directory: '', branch: 'main' }],
    [
      'git@example.com:org.github.io/app.git/a',
      { url: 'git@example.com:org.github.io/app.git', directory: 'a' },
    ],
    ['build:app.git', { url: 'build:app.git', directory: '' }],
  ])('%s', (text, meant) => {
    expect(parseRemote(text)).toMatchObject({ kind: 'git', credentials: undefined, ...meant })
  })

  it('take credentials out of the URL and of what is shown', () => {
    expect(parseRemote('git+https://bob:s%40cret@example.com/app.git/conf#main')).toEqual({
      kind: 'git',
      url: 'https://example.com/app.git',
      credentials: { user: 'bob', password: 's@cret' },
      directory: 'conf',
      branch: 'main',
      shown: 'https://example.com/app.git/conf#main',
    })
  })
})

describe('other remotes', () => {
  it('are archives at a URL, shown without credentials and query', () => {
    expect(parseRemote('https://bob:secret@example.com/app.zip?token=x#y')).toEqual({
      kind: 'http',
      url: 'https://example.com/app.zip?token=x',
      credentials: { user: 'bob', password: 'secret' },
      shown: 'https://example.com/app.zip',
    })
  })

  it('are archives in a bucket', () => {
    expect(parseRemote('s3://bucket/path/to/app.zip')).toMatchObject({
      kind: 's3',
      bucket: 'bucket',
      key: 'path/to/app.zip',
    })
  })

  it('are artifacts, of the target master if none is named', () => {
    expect(parseRemote('artifact:shop/live')).toMatchObject({ kind: 'artifact', app: 'shop', target: 'live' })
    expect(parseRemote('artifact:shop')).toMatchObject({
      app: 'shop',
      target: 'master',
      artifact: undefined,
    })
    expect(parseRemote('artifact:shop/live/web.zip')).toMatchObject({ artifact: 'web.zip' })
  })
})

describe('what is no remote', () => {
  it.each([
    ['', /empty/],
    ['--upload-pack=touch /tmp/x', /spaces/],
    ['--upload-pack=x', /begin with `-`/],
    ['ext::sh', /no remote/],
    ['ftp://example.com/app.zip', /`ftp:\/\/` is not known/],
    ['app', /no remote/],
    ['./app.git', /no remote/],
    ['https://example.com/app.git', /git\+https/],
    ['git+ssh://bob:secret@example.com/app.git', /use a key/],
    ['git+ssh://-oProxyCommand=x/app.git', /begin with `-`|no URL/],
    ['git@example.com:app.git/../other', /cannot hold/],
    ['git@example.com:app.git#a..b', /git does not allow/],
    ['s3://bucket', /expected/],
    ['artifact:shop/../x', /expected/],
    ['artifact:a/b/c/d', /expected/],
  ])('%j is refused', (text, why) => {
    const mistake = parseRemote(text)
    expect(mistake).toMatch(why)
    expect(mistake).not.toContain('secret')
  })
})
