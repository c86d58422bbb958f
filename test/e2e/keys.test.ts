import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { withLock } from '../../src/system/lock.ts'
import { createHost, run } from '../support/host.ts'
import { makeKey } from '../support/ssh.ts'

test('rebuild_authorized_keys writes every good key and tells of every bad line', async () => {
  const host = await createHost()
  const { authorizedKeysDir, authorizedKeys } = host.paths
  const [bob, carol] = await Promise.all([makeKey(host.home, 'bob'), makeKey(host.home, 'carol', 'ecdsa')])
  await writeFile(
    join(authorizedKeysDir, 'team.pub'),
    `# the team\n\n${bob.line}\nssh-ed25519 AAAAbroken x\n${carol.line}\n`,
  )
  await writeFile(authorizedKeys, 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ the administrator\n')

  const rebuilt = await host.pypaas('rebuild_authorized_keys')
  expect(rebuilt.stdout.split('\n')).toEqual([
    `${authorizedKeys}: 3 keys of alice, team`,
    '1 line that pypaas did not write kept',
  ])
  expect(rebuilt.stderr).toContain(`${join(authorizedKeysDir, 'team.pub')}:4: `)
  // A key was left out.
  expect(rebuilt.status).toBe(1)
  const lines = (await readFile(authorizedKeys, 'utf8')).split('\n')
  const forced = lines.filter((line) => line.startsWith('restrict,command="'))
  expect(forced).toHaveLength(3)
  for (const line of forced) expect(line).toMatch(/pypaas\.js --home \S+ ssh (alice|team)" /)
  expect(lines).toContain('ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ the administrator')
  expect((await stat(authorizedKeys)).mode & 0o777).toBe(0o600)
  expect((await stat(host.paths.sshDir)).mode & 0o777).toBe(0o700)

  await writeFile(join(authorizedKeysDir, 'team.pub'), `${bob.line}\n`)
  const again = await host.pypaas('rebuild_authorized_keys', '--json')
  expect(again.status).toBe(0)
  expect(JSON.parse(again.stdout)).toEqual({
    path: authorizedKeys,
    keys: [
      { name: 'alice', type: 'ssh-ed25519' },
      { name: 'team', type: 'ssh-ed25519' },
    ],
    problems: [],
    kept: 1,
  })

  // One at a time: of two that write at once, neither may lose what the other has read.
  const path = host.paths.runFile('authorized_keys.lock')
  await withLock(path, { what: 'another rebuild', now: new Date() }, async () => {
    const busy = await host.pypaas('rebuild_authorized_keys', '--wait', '0')
    expect(busy.status).toBe(4)
    expect(busy.stderr).toContain('another rebuild')
  })
  expect(await host.stop()).toEqual([])
})

test('the embedded server knows a new key at once, and a removed one no more', async () => {
  const host = await createHost()
  await host.serve()
  const key = await makeKey(host.home, 'dora')
  const [ssh, ...args] = host.sshArgv('list')
  const asDora = args.map((arg) => (arg === join(host.home, 'client-key') ? key.file : arg))
  const login = async (): Promise<number> => (await run(ssh, asDora)).status
  expect(await login()).toBe(255)
  const file = join(host.paths.authorizedKeysDir, 'dora.pub')
  await writeFile(file, `${key.line}\n`)
  expect(await login()).toBe(0)
  await rm(file)
  expect(await login()).toBe(255)
  expect(await host.stop()).toEqual([])
})
