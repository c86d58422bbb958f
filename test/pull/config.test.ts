import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parsePullFile } from '../../src/pull/config.ts'
import { pullSettings } from '../../src/pull/settings.ts'
import { temporaryDirectory, testContext } from '../support/context.ts'

describe('the file of pull', () => {
  it('has lines key=value, comments and sections', () => {
    const text = `# a comment
[repo-deploy]
remote = git@example.com:org/app.git#main
local=/var/deploy
; another
schedule = */10 * * * * *
aws-access-key=AKIA
aws-secret-key=se=cret
`
    expect(parsePullFile(text, 'pull.cfg')).toEqual({
      remote: 'git@example.com:org/app.git#main',
      local: '/var/deploy',
      schedule: '*/10 * * * * *',
      keys: { accessKey: 'AKIA', secretKey: 'se=cret' },
    })
  })

  it.each([
    ['remot=x', /unknown key `remot`; did you mean `remote`\?/],
    ['local=/a\nlocal=/b', /`local` is there twice/],
    ['s3cret', /expected a line/],
    ['aws-access-key=s3cret', /go together/],
  ])('with %j is refused, and shows no secret', (text, why) => {
    expect(() => parsePullFile(text, 'pull.cfg')).toThrow(why)
    expect(() => parsePullFile(text, 'pull.cfg')).not.toThrow(/s3cret/)
  })
})

describe('the settings of a pull', () => {
  it('are those of the file, and the options go before them', async () => {
    const ctx = await testContext()
    const dir = await temporaryDirectory()
    const config = join(dir, 'some.cfg')
    await writeFile(config, `remote=/srv/app.git\nlocal=${dir}/local\nschedule=0 * * * *\n`)
    expect(await pullSettings(ctx, { config })).toMatchObject({
      remote: { kind: 'git', url: '/srv/app.git' },
      local: join(dir, 'local'),
      schedule: '0 * * * *',
      cache: ctx.paths.pullCache,
      preHooks: join(dir, 'pre-update.d'),
      postHooks: join(dir, 'post-update.d'),
    })
    const given = { config, remote: 'artifact:shop/live', local: '/elsewhere', preHooks: '/hooks' }
    expect(await pullSettings(ctx, given)).toMatchObject({
      remote: { kind: 'artifact', app: 'shop', target: 'live' },
      local: '/elsewhere',
      preHooks: '/hooks',
    })
  })

  it('need no file', async () => {
    const ctx = await testContext()
    expect(await pullSettings(ctx, { remote: '/srv/app.git', local: '/l' })).toMatchObject({
      schedule: undefined,
      preHooks: undefined,
    })
  })

  it('that are not enough, or wrong, are refused', async () => {
    const ctx = await testContext()
    const dir = await temporaryDirectory()
    const config = join(dir, 'some.cfg')
    await expect(pullSettings(ctx, { config })).rejects.toThrow(/there is no file/)
    await expect(pullSettings(ctx, { local: '/l' })).rejects.toMatchObject({ code: 'usage' })
    await expect(pullSettings(ctx, { remote: '/srv/app.git' })).rejects.toMatchObject({ code: 'usage' })
    await expect(pullSettings(ctx, { remote: 'app', local: '/l' })).rejects.toThrow(/it is no remote/)
    await writeFile(config, `remote=/srv/app.git\nlocal=/l\nschedule=often\n`)
    await expect(pullSettings(ctx, { config })).rejects.toMatchObject({ code: 'config', where: config })
  })
})
