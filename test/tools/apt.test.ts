import { spawnSync } from 'node:child_process'
import { access, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { aptScript } from '../../tools/apt.mjs'
import { temporaryDirectory } from '../support/context.ts'

/** A place to run the script in whose apt-get only records what it is asked, so that no test installs anything. */
async function machine(aptGet: string) {
  const dir = await temporaryDirectory()
  const policy = join(dir, 'policy-rc.d')
  const record = join(dir, 'record')
  const programs: Record<string, string> = {
    'apt-get': `for word; do case $word in update|install) at=1;; esac; [ -z "$at" ] || line="$line $word"; done
echo "apt-get$line" >>"$record"
${aptGet}`,
    'update-rc.d': `echo "update-rc.d $*" >>"$record"`,
    systemctl: `echo "systemctl $*" >>"$record"`,
  }
  for (const [name, text] of Object.entries(programs)) {
    const variables = `dir='${dir}' policy='${policy}' record='${record}' at= line=`
    await writeFile(join(dir, name), `#!/bin/sh\n${variables}\n${text}\n`, { mode: 0o755 })
  }
  for (const name of ['sh', 'cat', 'chmod', 'rm', 'grep', 'cp', 'true', 'false']) {
    await symlink(await firstOf(`/bin/${name}`, `/usr/bin/${name}`), join(dir, name))
  }
  const wanted = {
    required: ['nginx'],
    optional: ['lua'],
    units: ['nginx', 'ssh.socket'],
    updateFirst: false,
  }
  return {
    dir,
    policy,
    run(changes: Partial<typeof wanted> = {}) {
      const script = aptScript({ ...wanted, ...changes, policy })
      return spawnSync('/bin/sh', ['-c', script], { env: { PATH: dir }, encoding: 'utf8' })
    },
    recorded: async () => (await readFile(record, 'utf8')).trimEnd().split('\n'),
  }
}

async function firstOf(...paths: string[]): Promise<string> {
  for (const path of paths) {
    if (await isThere(path)) return path
  }
  throw new Error(`none of ${paths.join(', ')} is there`)
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

/** What is left of an apt-get line when options are taken away. */
const install = (...packages: string[]) => `apt-get install -y --no-install-recommends ${packages.join(' ')}`

describe('the script for apt-get', () => {
  it('denies the start of what it installs, and disables it, and leaves no policy behind', async () => {
    // Each line: the unit, and what the policy answers while apt-get runs.
    const host = await machine(`for unit in nginx nginx.service ssh.socket ssh cron; do
  "$policy" $unit start
  echo "$unit $?" >>"$record"
done
cp "$policy" "$dir/left-behind"`)
    const result = host.run()
    expect(result).toMatchObject({ status: 0, stderr: '' })
    const lines = await host.recorded()
    expect(lines.slice(1, 6)).toEqual(['nginx 101', 'nginx.service 101', 'ssh.socket 101', 'ssh 0', 'cron 0'])
    expect(lines.slice(6).map((line) => line.split(' ').filter((word) => !word.startsWith('--')))).toEqual(
      (await isThere('/run/systemd/system'))
        ? [
            ['systemctl', 'disable', 'nginx'],
            ['systemctl', 'disable', 'ssh.socket'],
          ]
        : [
            ['update-rc.d', 'nginx', 'disable'],
            ['update-rc.d', 'ssh.socket', 'disable'],
          ],
    )
    expect(result.stdout).toBe('Installed, but neither started nor enabled: nginx, ssh.socket.\n')
    expect(await isThere(host.policy)).toBe(false)
    // Should the script be killed, what it leaves behind denies nothing.
    expect(spawnSync(join(host.dir, 'left-behind'), ['nginx', 'start']).status).toBe(0)
  })

  it('replaces a policy that an earlier run left behind', async () => {
    const host = await machine('')
    await writeFile(host.policy, '#!/bin/sh\n# Put here by pypaas while apt-get runs\nexit 0\n')
    expect(host.run().status).toBe(0)
    expect(await isThere(host.policy)).toBe(false)
  })

  it("leaves the system's own policy alone, and what it decides", async () => {
    const host = await machine('')
    await writeFile(host.policy, '#!/bin/sh\nexit 101\n')
    const result = host.run()
    expect(result).toMatchObject({ status: 0, stdout: '' })
    expect(await readFile(host.policy, 'utf8')).toBe('#!/bin/sh\nexit 101\n')
    expect(await host.recorded()).toEqual([install('nginx', 'lua')])
  })

  it('fetches the lists and tries again when an installation fails', async () => {
    const host = await machine(
      '[ $(grep -c install "$record") -gt 1 ] || case $line in *install*) exit 100;; esac',
    )
    const result = host.run({ units: [] })
    expect(result).toMatchObject({ status: 0, stderr: '' })
    expect(await host.recorded()).toEqual([
      install('nginx', 'lua'),
      'apt-get update',
      install('nginx', 'lua'),
    ])
  })

  it('fetches the lists first when they are old', async () => {
    const host = await machine('')
    expect(host.run({ units: [], updateFirst: true }).status).toBe(0)
    expect(await host.recorded()).toEqual(['apt-get update', install('nginx', 'lua')])
  })

  it('does without what is optional when the system has no such package', async () => {
    const host = await machine('case $line in *lua*) exit 100;; esac')
    expect(host.run({ units: [], updateFirst: true }).status).toBe(0)
    expect(await host.recorded()).toEqual(['apt-get update', install('nginx', 'lua'), install('nginx')])
  })

  it('fails when what is required cannot be installed', async () => {
    const host = await machine('exit 100')
    expect(host.run().status).toBe(1)
    expect(await isThere(host.policy)).toBe(false)
  })
})
