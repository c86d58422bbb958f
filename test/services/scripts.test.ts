import { describe, expect, test } from 'vitest'
import { environmentFile, renderScript, type ScriptSubject } from '../../src/services/scripts.ts'
import { readTemplate } from '../../src/templates.ts'

const SUBJECT: ScriptSubject = {
  repo: 'shop',
  branch: "it's",
  release: '20260102_030405-0123456789a',
  checkoutPath: '/home/deploy/checkouts/shop/master/2026 1',
  runner: 'web',
  index: 2,
  port: 61502,
  cmd: 'npm start -- --title "a b"',
  envFile: '/home/deploy/services-real/shop/env',
  stopTimeout: 10,
}

test('the default run script changes to the checkout, takes the environment and becomes the command', async () => {
  expect(renderScript(readTemplate('services/app.mustache'), SUBJECT)).toBe(
    `#!/bin/sh
cd '/home/deploy/checkouts/shop/master/2026 1' || exit 1
. /home/deploy/services-real/shop/env
exec 2>&1
exec npm start -- --title "a b"
`,
  )
})

test('the default log is bounded', async () => {
  const lines = renderScript(readTemplate('services/log.mustache'), SUBJECT).split('\n')
  expect(lines.at(-2)).toBe('exec multilog t s1000000 n5 ./main')
})

describe('a template of pyPaaS', () => {
  test('means what it meant there', () => {
    const template = `#!/bin/sh\ncd {checkout.path}\n{env_cmds}\nexec 2>&1\nexec {cmd}\n`
    expect(renderScript(template, SUBJECT)).toBe(
      `#!/bin/sh
cd '/home/deploy/checkouts/shop/master/2026 1'
. /home/deploy/services-real/shop/env
exec 2>&1
exec npm start -- --title "a b"
`,
    )
  })

  test('may hold doubled braces, which stand for one, and variables of the shell', () => {
    const template = 'echo ${{HOME}} ${VAR} ${cmd} {x}\nexec {cmd} {branch.name}'
    expect(renderScript(template, SUBJECT)).toBe(
      "echo ${HOME} ${VAR} ${cmd} {x}\nexec npm start -- --title \"a b\" 'it'\\''s'",
    )
  })
})

describe('a Mustache template', () => {
  test('has values quoted for the shell, and commands as they are, with two or three braces', () => {
    const template = '{{repo}} {{branch.name}} {{runner}} {{index}} {{port}} {{cmd}} {{{cmd}}} {{&env_cmds}}'
    expect(renderScript(template, SUBJECT)).toBe(
      `shop 'it'\\''s' web 2 61502 npm start -- --title "a b" npm start -- --title "a b" ` +
        '. /home/deploy/services-real/shop/env',
    )
  })

  test('may have old placeholders too, and variables of the shell', () => {
    expect(renderScript('cd {{checkout.path}}; ${VAR}; ${cmd}; {repo.name}; exec {cmd}', SUBJECT)).toBe(
      `cd '/home/deploy/checkouts/shop/master/2026 1'; \${VAR}; \${cmd}; shop; exec npm start -- --title "a b"`,
    )
  })

  test('without any placeholder stays as it is', () => {
    expect(renderScript('exec /opt/log ${VAR} {x}', SUBJECT)).toBe('exec /opt/log ${VAR} {x}')
  })

  test('renders no port where there is none', () => {
    expect(renderScript('[{{port}}] {{cmd}}', { ...SUBJECT, port: undefined, cmd: 'a' })).toBe('[] a')
  })
})

describe('the environment file', () => {
  test('quotes every value and takes OLDPWD away', () => {
    expect(environmentFile({ A: "it's", B: '$(x) `y`\n' })).toBe(
      `unset OLDPWD\nexport A='it'\\''s'\nexport B='$(x) \`y\`\n'\n`,
    )
  })

  test('refuses a name that no shell can export', () => {
    expect(() => environmentFile({ 'a-b': 'x' })).toThrow(
      'no process can have an environment variable called `a-b`',
    )
  })

  test('refuses a NUL, without showing the value', () => {
    expect(() => environmentFile({ A: 'secret\0' })).toThrow(
      /^the value of the environment variable A holds a NUL character$/,
    )
  })
})
