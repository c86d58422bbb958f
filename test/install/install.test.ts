import { execFileSync } from 'node:child_process'
import { chmod, chown, lstat, mkdir, readlink, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { applyInstall } from '../../src/install/apply.ts'
import { gatherFacts } from '../../src/install/gather.ts'
import { planInstall } from '../../src/install/plan.ts'
import { lastLines } from '../../src/system/output.ts'
import { debianImage, enableStockSite, isRoot, treeOf, type Image } from './image.ts'

/** What `pypaas install --root` does, and what it prints. */
async function install(image: Image, { dryRun = false, options = image.options } = {}) {
  const output = lastLines(100)
  const facts = await gatherFacts(image.root, options)
  const reports = await applyInstall(planInstall(facts, options), output, { root: image.root, dryRun })
  return { reports, lines: output.lines, outcomes: new Set(reports.map((report) => report.outcome)) }
}

async function modeOf(path: string): Promise<string> {
  return ((await lstat(path)).mode & 0o7777).toString(8)
}

describe('an installation', () => {
  it('makes everything that a host needs', async () => {
    const image = await debianImage()
    const { lines } = await install(image)

    expect(await image.read('/etc/passwd')).toMatch(/^deploy:x:\d+:\d+::\/home\/deploy:\/bin\/sh$/m)
    expect(await image.read('/etc/sudoers.d/pypaas')).toContain(
      'deploy ALL=(root) NOPASSWD: /usr/sbin/nginx -t, /usr/sbin/nginx -s reload\n',
    )
    expect(await modeOf(image.at('/etc/sudoers.d/pypaas'))).toBe('440')
    expect(await image.read('/etc/nginx/conf.d/pypaas.conf')).toContain(
      'include /home/deploy/nginx.d/*.conf;\n',
    )
    expect(await image.read('/etc/systemd/system/pypaas-services.service')).toContain(
      'ExecStart=/usr/local/lib/pypaas/daemontools-run deploy /home/deploy\n',
    )
    expect(
      await readlink(image.at('/etc/systemd/system/multi-user.target.wants/pypaas-services.service')),
    ).toBe('/etc/systemd/system/pypaas-services.service')
    expect(await image.read('/home/deploy/config/pypaas.yml')).toContain('mode: external')
    expect(await image.read('/home/deploy/config/repos/hello.yml.example')).toBe('# hello.yml\n')
    expect(lines).toContain(`created    ${image.at('/home/deploy/.ssh')}/`)
    expect(lines.filter((line) => line.includes('.pypaas'))).toEqual([])
  })

  it('writes a configuration that is valid, for a host with its own nginx and init', async () => {
    const image = await debianImage()
    await install(image)
    const { main, repos, problems } = await loadConfig(image.at('/home/deploy/config'))
    expect(problems).toEqual([])
    expect(main).toMatchObject({ services: { mode: 'external' }, nginx: { mode: 'system' }, ssh: undefined })
    expect(main.nginx.http).toEqual({ host: undefined, port: 80 })
    expect(repos.size).toBe(0)
  })

  it('lets nginx pass through the home, sshd trust it, and nobody else read it', async () => {
    const image = await debianImage()
    await install(image)
    const home = image.at('/home/deploy')
    const modes = async (names: string[]) => Promise.all(names.map((name) => modeOf(join(home, name))))
    expect(await modes(['.ssh', '.ssh/authorized_keys.d', 'config', 'repos', 'logs'])).toEqual(
      Array.from({ length: 5 }, () => '700'),
    )
    expect(await modes(['checkouts', 'state', 'run'])).toEqual(['711', '711', '711'])
    expect(await modeOf(join(home, 'config/pypaas.yml'))).toBe('600')
    const homeMode = (await lstat(home)).mode
    expect(homeMode & 0o001).toBe(0o001)
    expect(homeMode & 0o022).toBe(0)
  })

  it('changes nothing the second time', async () => {
    const image = await debianImage()
    await install(image)
    const before = await treeOf(image.root)
    const second = await install(image)
    expect(second.outcomes).toEqual(new Set(['unchanged', 'note']))
    expect(await treeOf(image.root)).toEqual(before)
  })

  it('only tells what it would do in a dry run', async () => {
    const image = await debianImage()
    const before = await treeOf(image.root)
    const { lines, reports } = await install(image, { dryRun: true })
    expect(await treeOf(image.root)).toEqual(before)
    expect(lines).toContain(`to create  ${image.at('/etc/sudoers.d/pypaas')}`)
    expect(reports).toContainEqual({ outcome: 'created', what: image.at('/etc/sudoers.d/pypaas') })
  })

  it('repairs what was changed', async () => {
    const image = await debianImage()
    await install(image)
    const before = await treeOf(image.root)
    await chmod(image.at('/home/deploy'), 0o770)
    await chmod(image.at('/etc/sudoers.d/pypaas'), 0o644)
    await image.put('/etc/nginx/conf.d/pypaas.conf', '# Written by `pypaas install`, long ago.\n')
    await rm(image.at('/home/deploy/logs'), { recursive: true })
    const { lines } = await install(image)
    expect(lines.filter((line) => !line.startsWith('unchanged') && !line.startsWith('note'))).toEqual([
      `changed    ${image.at('/home/deploy')}/`,
      `created    ${image.at('/home/deploy/logs')}/`,
      `changed    ${image.at('/etc/sudoers.d/pypaas')}`,
      `changed    ${image.at('/etc/nginx/conf.d/pypaas.conf')}`,
    ])
    await chmod(image.at('/home/deploy'), 0o711)
    const home = before['home/deploy'] ?? ''
    expect(await treeOf(image.root)).toEqual({ ...before, 'home/deploy': home.replace('40755', '40711') })
  })

  it('puts a launcher in place that passes its arguments on', async () => {
    const image = await debianImage()
    await install(image)
    const output = execFileSync(image.at('/usr/local/bin/pypaas'), ['check', 'a b', '$HOME'])
    expect(JSON.parse(output.toString())).toEqual(['check', 'a b', '$HOME'])
  })

  it('needs no launcher where npm has linked one', async () => {
    const image = await debianImage()
    await mkdir(image.at('/usr/local/bin'), { recursive: true })
    await symlink(join(image.options.program, 'dist', 'pypaas.js'), image.at('/usr/local/bin/pypaas'))
    const { reports } = await install(image)
    expect(reports.filter((report) => report.what.includes('/usr/local/bin/pypaas'))).toEqual([])
  })

  it('keeps the configuration that is there', async () => {
    const image = await debianImage()
    await image.put('/etc/pypaas/pypaas.yml', 'ports: {min: 1, max: 2}\n')
    const { lines } = await install(image)
    await expect(lstat(image.at('/home/deploy/config'))).rejects.toThrow('ENOENT')
    expect(lines).toContain('note       the configuration in /etc/pypaas/pypaas.yml is kept as it is')
  })

  it("keeps the operator's changes to the configuration that it made", async () => {
    const image = await debianImage()
    await install(image)
    await writeFile(image.at('/home/deploy/config/pypaas.yml'), 'ports: {min: 1, max: 2}\n')
    await install(image)
    expect(await image.read('/home/deploy/config/pypaas.yml')).toBe('ports: {min: 1, max: 2}\n')
  })

  it('names all that is in the way, and changes nothing', async () => {
    const image = await debianImage()
    await image.put('/etc/sudoers.d/pypaas', '# mine\n')
    await image.put('/home/deploy/logs', 'a file\n')
    const before = await treeOf(image.root)
    await expect(install(image)).rejects.toMatchObject({
      code: 'failed',
      message: '2 things are in the way; nothing was changed',
      output: [
        `${image.at('/home/deploy/logs')} is not a directory: move it away, then run this again`,
        `${image.at('/etc/sudoers.d/pypaas')} was not written by pypaas: see what it is for, and move it away, then run this again`,
      ],
    })
    expect(await treeOf(image.root)).toEqual(before)
  })

  it('sets up daemontools where there is no systemd', async () => {
    const image = await debianImage()
    await rm(image.at('/usr/lib/systemd'), { recursive: true })
    const { lines } = await install(image)
    const script = image.at('/etc/service/pypaas/run')
    expect(lines).toContain(`created    ${script}`)
    expect(await image.read('/etc/service/pypaas/run')).toContain(
      'exec /usr/local/lib/pypaas/daemontools-run deploy /home/deploy\n',
    )
    expect(await modeOf(script)).toBe('755')
    expect(await modeOf(join(script, '..'))).toBe('755')
    for (const run of [script, image.at('/etc/service/pypaas-serve/run')]) execFileSync('sh', ['-n', run])
    expect((await install(image)).outcomes).toEqual(new Set(['unchanged', 'note']))
  })

  it("leaves the services to pyPaaS's svscan where that is set up", async () => {
    const image = await debianImage()
    await image.put('/etc/service/pyPaaS/run', '#!/bin/sh\nexec setuidgid deploy svscan ~deploy/services\n')
    const { lines } = await install(image)
    expect(lines).toContain(
      "note       /etc/service/pyPaaS/run scans the home's services already and is kept",
    )
    await expect(lstat(image.at('/etc/systemd/system/pypaas-services.service'))).rejects.toThrow('ENOENT')
    await lstat(image.at('/etc/systemd/system/pypaas.service'))
  })

  it('adds no second include where nginx reads our files already', async () => {
    const image = await debianImage()
    await image.put('/etc/nginx/conf.d/apps.conf', 'include /home/deploy/nginx.d/*.conf;\n')
    const { lines } = await install(image)
    await expect(lstat(image.at('/etc/nginx/conf.d/pypaas.conf'))).rejects.toThrow('ENOENT')
    expect(lines).toContain(
      "note       /etc/nginx/conf.d/apps.conf includes the home's nginx.d already and is kept",
    )
  })

  it("disables Debian's welcome page, which would answer unknown hosts", async () => {
    const image = await debianImage()
    await enableStockSite(image)
    await install(image)
    await expect(lstat(image.at('/etc/nginx/sites-enabled/default'))).rejects.toThrow('ENOENT')
    await lstat(image.at('/etc/nginx/sites-available/default'))
    expect((await install(image)).outcomes).toEqual(new Set(['unchanged', 'note']))
  })

  it("only tells of another site's default_server", async () => {
    const image = await debianImage()
    await enableStockSite(image)
    await image.put('/etc/nginx/sites-available/default', 'server { listen 80 default_server; root /srv; }\n')
    const { lines } = await install(image)
    await lstat(image.at('/etc/nginx/sites-enabled/default'))
    expect(lines).toContain(
      'note       /etc/nginx/sites-enabled/default has a default_server, as pypaas has ' +
        '(it closes unknown hosts): remove that word there',
    )
  })

  it('tells which packages are still missing', async () => {
    const image = await debianImage()
    await rm(image.at('/usr/sbin/nginx'))
    await rm(image.at('/usr/sbin/svscan'))
    const { lines } = await install(image)
    expect(lines).toContain(
      'note       still to be installed: apt-get install -y nginx daemontools libnginx-mod-http-lua lua-resty-core',
    )
  })

  it('takes a home elsewhere', async () => {
    const image = await debianImage()
    if (!isRoot) await image.put('/etc/passwd', (await image.read('/etc/passwd')).replace('/home/', '/srv/'))
    await mkdir(image.at('/srv'))
    await install(image, { options: { ...image.options, home: '/srv/deploy' } })
    expect(await image.read('/etc/nginx/conf.d/pypaas.conf')).toContain('include /srv/deploy/nginx.d/*.conf;')
    await lstat(image.at('/srv/deploy/config/pypaas.yml'))
  })

  it('refuses a directory that is no image of a system', async () => {
    const image = await debianImage()
    await expect(gatherFacts(join(image.root, 'home'), image.options)).rejects.toMatchObject({
      code: 'usage',
    })
  })
})

describe.runIf(isRoot)('as root, an installation', () => {
  it('makes a user who has no password and is not locked, and gives it the home', async () => {
    const image = await debianImage()
    await install(image)
    expect(await image.read('/etc/shadow')).toMatch(/^deploy:\*:/m)
    const uid = Number(/^deploy:x:(\d+)/m.exec(await image.read('/etc/passwd'))?.[1])
    const tree = await treeOf(image.at('/home/deploy'))
    const others = Object.entries(tree).filter(([, entry]) => !entry.includes(` ${uid}:`))
    expect(others).toEqual([])
    expect((await lstat(image.at('/etc/sudoers.d/pypaas'))).uid).toBe(0)
  })

  it('unlocks a user that was made without a password, but not one whose password was locked', async () => {
    const image = await debianImage()
    await install(image)
    const shadow = await image.read('/etc/shadow')
    await image.put('/etc/shadow', shadow.replace('deploy:*:', 'deploy:!:'), 0o600)
    expect((await install(image)).reports).toContainEqual({
      outcome: 'changed',
      what: 'user deploy (/home/deploy)',
    })
    expect(await image.read('/etc/shadow')).toBe(shadow)

    await image.put('/etc/shadow', shadow.replace('deploy:*:', 'deploy:!$6$salt$hash:'), 0o600)
    expect((await install(image)).outcomes).toEqual(new Set(['unchanged', 'note']))
  })

  it('uses the group that is there', async () => {
    const image = await debianImage()
    await image.put('/etc/group', 'root:x:0:\ndeploy:x:4321:\n')
    await install(image)
    expect(await image.read('/etc/passwd')).toMatch(/^deploy:x:\d+:4321:/m)
  })

  it('does nothing through links that lead out of the home', async () => {
    const image = await debianImage()
    await install(image)
    await rm(image.at('/home/deploy/logs'), { recursive: true })
    await symlink(image.at('/etc'), image.at('/home/deploy/logs'))
    const before = await treeOf(image.root)
    await expect(install(image)).rejects.toThrow('is a link to a directory with another owner or mode')
    expect(await treeOf(image.root)).toEqual(before)
  })

  it('takes a link to a directory of the user on another disk', async () => {
    const image = await debianImage()
    await install(image)
    const { uid, gid } = await lstat(image.at('/home/deploy/checkouts'))
    await rm(image.at('/home/deploy/checkouts'), { recursive: true })
    await mkdir(image.at('/big/checkouts'), { recursive: true })
    await chown(image.at('/big/checkouts'), uid, gid)
    await symlink(image.at('/big/checkouts'), image.at('/home/deploy/checkouts'))
    expect((await install(image)).outcomes).toEqual(new Set(['unchanged', 'note']))
  })

  it("does not take another user's directory", async () => {
    const image = await debianImage()
    await mkdir(image.at('/home/deploy'))
    await chown(image.at('/home/deploy'), 4321, 4321)
    await install(image).then(
      () => expect.unreachable(),
      (error: Error) => expect(error.message).toContain('belongs to another user (uid 4321)'),
    )
  })
})
