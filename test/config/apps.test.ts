/** What a host says to the apps that are installed from artifacts. */
import { expect, test } from 'vitest'
import { configOf, problemsOf } from './files.ts'

test('values are what YAML makes of them, by app', async () => {
  const { main } = await configOf({
    'pypaas.yml': `ports: {min: 1, max: 1}
apps:
  shop: {values: {workers: 4, debug: false, db: {host: db1}, names: [a, b]}}
  blog: {}
`,
  })
  expect(Object.fromEntries(main.apps)).toEqual({
    shop: { values: { workers: 4, debug: false, db: { host: 'db1' }, names: ['a', 'b'] } },
    blog: { values: {} },
  })
})

test('a value cannot have a name that every template has already', async () => {
  const config = await configOf({
    'pypaas.yml': 'ports: {min: 1, max: 1}\napps: {shop: {values: {colour: red, version: 2}}}\n',
  })
  expect(problemsOf(config)).toEqual([
    expect.stringContaining('every template has `version` from pypaas; take another name'),
  ])
})
