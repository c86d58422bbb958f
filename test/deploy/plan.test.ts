import { expect, test } from 'vitest'
import type { BranchConfig, RunnerConfig } from '../../src/config/types.ts'
import { planDeploy, stopFirst } from '../../src/deploy/plan.ts'
import type { Release } from '../../src/release.ts'

function runner(name: string, strategy: 'overlap' | 'stop_first' = 'overlap'): RunnerConfig {
  return {
    type: 'SimpleProcess',
    name,
    cmd: 'true',
    processCount: 1,
    health: { path: undefined, status: { min: 200, max: 299 }, interval: 1, timeout: 1, uptime: 1 },
    stopTimeout: 1,
    strategy,
  }
}

function branch(hooks: BranchConfig['hooks'], ...runners: RunnerConfig[]): BranchConfig {
  return {
    repo: 'web',
    branch: 'main',
    runners: new Map(runners.map((each) => [each.name, each])),
    env: {},
    hooks,
    customCmds: new Map(),
  }
}

function former(...runners: RunnerConfig[]): Release {
  return {
    repo: 'web',
    branch: 'main',
    release: '1',
    checkout: '1',
    commit: 'c1',
    subject: '',
    by: 'alice',
    created: '',
    env: {},
    runners: runners.map((each) => ({ ...each, ports: [] })),
  }
}

const all = { before_build: ['a'], after_build: ['b'], maintenance: ['c'], after_deploy: ['d'] }
const end = ['start', 'healthy', 'nginx', 'switch']

test('a push builds, and has the phases that are configured', () => {
  expect(planDeploy({ branch: branch({}, runner('web')) }, undefined)).toEqual([
    'preflight',
    'checkout',
    'build',
    'release',
    ...end,
  ])
  expect(planDeploy({ branch: branch(all, runner('web')) }, former(runner('web')))).toEqual([
    'preflight',
    'checkout',
    'before_build',
    'build',
    'after_build',
    'release',
    'maintenance',
    ...end,
  ])
})

test('what is built already is neither built nor migrated again', () => {
  const built = { checkout: '1' }
  expect(planDeploy({ branch: branch(all, runner('web')), built }, former(runner('web')))).toEqual([
    'preflight',
    'release',
    ...end,
  ])
})

test('a dry run ends before SWITCH, stops nothing, and starts nothing that must not run twice', () => {
  const dryRun = true
  expect(planDeploy({ branch: branch(all, runner('web')), dryRun }, former(runner('web')))).toEqual([
    'preflight',
    'checkout',
    'before_build',
    'build',
    'after_build',
    'release',
    'start',
    'healthy',
    'nginx',
  ])
  const single = branch({}, runner('bot', 'stop_first'))
  expect(planDeploy({ branch: single, dryRun }, former(runner('bot')))).toEqual([
    'preflight',
    'checkout',
    'build',
    'release',
    'nginx',
  ])
})

test('a singleton in the old or the new configuration stops first', () => {
  const old = former(runner('bot', 'stop_first'), runner('gone', 'stop_first'), runner('web'))
  expect(stopFirst(branch({}, runner('bot'), runner('web', 'stop_first')), old)).toEqual(['gone', 'web'])
  expect(planDeploy({ branch: branch({}, runner('web', 'stop_first')) }, old)).toContain('stop_first')
  expect(planDeploy({ branch: branch({}, runner('web', 'stop_first')) }, undefined)).not.toContain(
    'stop_first',
  )
})
