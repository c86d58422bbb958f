import { expect, test } from 'vitest'
import { answering, DOMAIN, liveSite } from '../support/web.ts'

test('a frozen branch takes no deploys, says who froze it and why, and thaws', async () => {
  const { host, push } = await liveSite()
  expect((await push({ 'server.mjs': answering('two') })).status).toBe(0)
  const frozen = await host.ssh('freeze', 'web', 'main', '"sale until Monday"')
  expect(frozen).toEqual({
    status: 0,
    stdout: 'web main is frozen: deploys are refused until `unfreeze web main`',
    stderr: '',
  })
  const why = /web main is frozen by alice since \d{4}-\d\d-\d\dT[\d:.]+Z: sale until Monday/
  const refused = await push({ 'server.mjs': answering('three') })
  expect(refused.stderr).toMatch(why)
  expect(refused.stderr).toContain('`unfreeze web main` lets deploys through again')
  expect(refused.stderr).toContain('hook declined')
  expect(refused.status).toBe(1)
  for (const command of ['rebuild', 'restart', 'rollback']) {
    const answers = [await host.ssh(command, 'web', 'main'), await host.pypaas(command, 'web', 'main')]
    for (const answer of answers) {
      expect(answer.status, command).toBe(4)
      expect(answer.stderr).toMatch(why)
      expect(answer.stdout).toBe('')
    }
  }
  expect((await host.get(DOMAIN)).body).toBe('two')
  expect((await host.pypaas('status', 'web', 'main')).stdout).toMatch(
    /^ {4}frozen by alice since \S+: sale until Monday$/m,
  )

  expect((await host.pypaas('unfreeze', 'web', 'main')).stdout).toBe(
    'web main takes deploys again (it was frozen by alice: sale until Monday)',
  )
  expect((await host.ssh('unfreeze', 'web', 'main')).stdout).toBe('web main was not frozen')
  expect((await push()).status).toBe(0)
  expect((await host.get(DOMAIN)).body).toBe('three')
  expect((await host.ssh('freeze', 'web', 'main')).status).toBe(2)
  expect(await host.stop()).toEqual([])
})
