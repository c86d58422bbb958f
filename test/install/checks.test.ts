import { execFileSync } from 'node:child_process'
import { lstat, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { applyInstall } from '../../src/install/apply.ts'
import type { FileStep } from '../../src/install/step.ts'
import { daemonUnit, MARKER, nginxInclude, servicesUnit, sudoers } from '../../src/install/texts.ts'
import { readIfThere } from '../../src/system/files.ts'
import { silent } from '../../src/system/output.ts'
import { temporaryDirectory } from '../support/context.ts'

async function apply(root: string, step: FileStep): Promise<string | undefined> {
  const [report] = await applyInstall([step], silent, { root, dryRun: false })
  return report?.outcome
}

describe('the sudoers rule', () => {
  const visudo = '/usr/sbin/visudo'
  const rule = (path: string, text: string): FileStep => ({
    kind: 'file',
    path,
    text,
    owner: 'root',
    mode: 0o440,
    checkText: [visudo, '-cqf'],
  })

  it('is put in place when visudo takes it', async () => {
    const root = await temporaryDirectory()
    const path = join(root, 'etc/sudoers.d/pypaas')
    expect(await apply(root, rule(path, sudoers('deploy', '/usr/sbin/nginx')))).toBe('created')
    execFileSync(visudo, ['-cqf', path])
  })

  it('never is when visudo does not', async () => {
    const root = await temporaryDirectory()
    const path = join(root, 'etc/sudoers.d/pypaas')
    await expect(apply(root, rule(path, 'deploy ALL=(root NOPASSWD\n'))).rejects.toThrow('visudo')
    expect(await readdir(join(root, 'etc/sudoers.d'))).toEqual([])
  })
})

/** A host whose whole nginx configuration reads `conf.d`, and a step with that text. */
async function host() {
  const root = await temporaryDirectory()
  const path = join(root, 'etc/nginx/conf.d/pypaas.conf')
  await mkdir(join(root, 'etc/nginx/conf.d'), { recursive: true })
  const conf = join(root, 'etc/nginx/nginx.conf')
  await writeFile(
    conf,
    `pid ${root}/pid;\nerror_log stderr;\nevents {}\nhttp {\n  access_log off;\n` +
      ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
        .map((name) => `  ${name}_temp_path ${root}/${name};\n`)
        .join('') +
      '  include conf.d/*.conf;\n}\n',
  )
  const test = ['nginx', '-t', '-p', root, '-c', conf]
  const step = (text: string): FileStep => ({
    kind: 'file',
    path,
    text,
    owner: 'root',
    mode: 0o644,
    checkHost: test,
  })
  return { root, path, step }
}

describe('the nginx include', () => {
  it('passes the test of nginx also while there is no file to include', async () => {
    const { root, path, step } = await host()
    expect(await apply(root, step(nginxInclude(join(root, 'home'))))).toBe('created')
    await lstat(path)
  })

  it('is taken back when the test fails', async () => {
    const { root, path, step } = await host()
    await expect(apply(root, step('nonsense;\n'))).rejects.toMatchObject({
      message: expect.stringMatching(
        /^with .*pypaas\.conf in place `nginx -t .*` fails, so it was taken back$/,
      ) as string,
      output: expect.arrayContaining([expect.stringContaining('unknown directive "nonsense"')]) as string[],
    })
    expect(await readIfThere(path)).toBeUndefined()
  })

  it('gives way to the former one when the test fails', async () => {
    const { root, path, step } = await host()
    await apply(root, step(nginxInclude(root)))
    await expect(apply(root, step('nonsense;\n'))).rejects.toThrow('taken back')
    expect(await readIfThere(path)).toBe(nginxInclude(root))
  })
})

describe('the units', () => {
  it('are what systemd understands', async () => {
    const directory = await temporaryDirectory()
    const names = ['pypaas-services.service', 'pypaas.service']
    await writeFile(join(directory, names[0] ?? ''), servicesUnit('/bin/true', 'root', '/root'))
    await writeFile(join(directory, names[1] ?? ''), daemonUnit('/bin/true', 'root', '/root'))
    const analyze = '/usr/bin/systemd-analyze'
    if ((await lstat(analyze).catch(() => undefined)) !== undefined) {
      execFileSync(analyze, ['verify', '--man=no', ...names.map((name) => join(directory, name))], {
        stdio: 'pipe',
      })
    }
    for (const name of names) expect(await readIfThere(join(directory, name))).toContain(MARKER)
  })
})
