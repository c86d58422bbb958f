import { expect, test } from 'vitest'
import { baseEnvironment, environmentOf } from '../src/environment.ts'

const base = baseEnvironment({ name: 'deploy', home: '/home/deploy' }, '/usr/bin')

test('the base environment holds nothing of the daemon', () => {
  expect(base).toEqual({
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/home/deploy',
    LANG: 'C.UTF-8',
    USER: 'deploy',
    LOGNAME: 'deploy',
    SHELL: '/bin/sh',
  })
})

test('a node outside the standard directories is found first', () => {
  expect(baseEnvironment({ name: 'deploy', home: '/home/deploy' }, '/opt/node/bin')['PATH']).toBe(
    '/opt/node/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  )
})

test('the branch wins over the base, and the checkout over the branch', () => {
  const target = {
    path: '/c/1',
    commit: 'f00',
    env: { LANG: 'de_DE.UTF-8', NODE_ENV: 'production', GIT_COMMIT: 'x', PWD: '/x' },
  }
  expect(environmentOf(base, target)).toEqual({
    ...base,
    LANG: 'de_DE.UTF-8',
    NODE_ENV: 'production',
    GIT_COMMIT: 'f00',
    PWD: '/c/1',
    PATH: '/c/1/node_modules/.bin:/c/1/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  })
})

test("the checkout's programs come before those of the branch's PATH", () => {
  const env = environmentOf(base, { path: '/c/1', commit: 'f00', env: { PATH: '/opt/ruby/bin:/usr/bin' } })
  expect(env['PATH']).toBe('/c/1/node_modules/.bin:/c/1/venv/bin:/opt/ruby/bin:/usr/bin')
})

test('an empty PATH of the branch does not put the working directory on the search path', () => {
  const env = environmentOf({}, { path: '/c/1', commit: 'f00', env: { PATH: '' } })
  expect(env['PATH']).toBe('/c/1/node_modules/.bin:/c/1/venv/bin')
})
