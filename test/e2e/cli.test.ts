/** The program as the shell runs it: help, wrong usage, and the plan of an installation. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../support/context.ts'
import { PYPAAS, run } from '../support/host.ts'
import { listDirectory } from '../../src/system/state.ts'

const pypaas = (...args: string[]) => run(process.execPath, [PYPAAS, ...args])

test('help goes to the standard output with status 0, wrong usage to the other with status 2', async () => {
  const help = await pypaas('help')
  expect([help.status, help.stderr]).toEqual([0, ''])
  expect(help.stdout).toMatch(/^Usage: pypaas \[options\] <command>\n/)
  expect(await pypaas()).toEqual({ status: 2, stdout: '', stderr: help.stdout })
  expect((await pypaas('help', 'rebuild')).stdout).toMatch(
    /^Usage: pypaas rebuild \[--wait <seconds>\] \[repo\] \[branch\]\n/,
  )
  expect(await pypaas('nonsense')).toEqual({
    status: 2,
    stdout: '',
    stderr: "pypaas: unknown command 'nonsense'\n        `pypaas help` lists what you can do",
  })
})

test('a home that is not there, and one without a configuration, are told with what to do', async () => {
  const home = await temporaryDirectory()
  const nowhere = await pypaas('--home', join(home, 'nowhere'), 'status')
  expect(nowhere.status).toBe(2)
  expect(nowhere.stderr).toBe(
    `pypaas: there is no home ${home}/nowhere\n        make the directory, or name another with --home`,
  )
  const empty = await pypaas('--home', home, '--config', home, 'status')
  expect(empty).toEqual({ status: 0, stdout: `no repos are configured in ${home}/repos`, stderr: '' })
  const check = await pypaas('--home', home, '--config', home, 'check')
  expect(check.status).toBe(2)
  expect(check.stderr).toContain(`${home}/pypaas.yml:1:1: the file is not there`)
})

test('install shows its plan and changes nothing', async () => {
  const root = await temporaryDirectory()
  await mkdir(join(root, 'etc'))
  const plan = await pypaas('install', '--root', root, '--home', '/srv/paas', '--dry-run')
  expect(plan.stderr).toBe('')
  expect(plan.status).toBe(0)
  expect(plan.stdout).toMatch(/^to create +user deploy \(\/srv\/paas\)$/m)
  expect(plan.stdout).toMatch(/^to create +\S+\/etc\/sudoers\.d\/pypaas$/m)
  expect(await listDirectory(root)).toEqual(['etc'])
  expect(await listDirectory(join(root, 'etc'))).toEqual([])
})
