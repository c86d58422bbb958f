import { describe, expect, test } from 'vitest'
import {
  installFields,
  installPlan,
  whyNotReusable,
  type PackageFacts,
  type PackageJson,
} from '../../src/build/package-manager.ts'

function facts(manifest: PackageJson, files: string[], changes: Partial<PackageFacts> = {}): PackageFacts {
  return {
    manifest,
    files: new Set(files),
    installed: { pnpm: true, yarn: true },
    production: false,
    ...changes,
  }
}

const app: PackageJson = { dependencies: { express: '^5.0.0' } }
const built: PackageJson = { ...app, devDependencies: { vite: '8' }, scripts: { build: 'vite build' } }

describe('what is installed and how', () => {
  test('npm ci with a lock file', () => {
    expect(installPlan(facts(app, ['package-lock.json']))).toEqual({
      tool: 'npm',
      lockFile: 'package-lock.json',
      install: ['npm', 'ci'],
      build: undefined,
      prune: undefined,
      note: undefined,
    })
  })

  test('npm install without one', () => {
    expect(installPlan(facts(app, []))).toMatchObject({ lockFile: undefined, install: ['npm', 'install'] })
  })

  test('npm-shrinkwrap.json comes before package-lock.json, as npm has it', () => {
    const plan = installPlan(facts(app, ['package-lock.json', 'npm-shrinkwrap.json']))
    expect(plan.lockFile).toBe('npm-shrinkwrap.json')
  })

  test('a package without dependencies and install scripts needs no install', () => {
    const plan = installPlan(facts({ scripts: { start: 'node .' } }, ['package-lock.json']))
    expect(plan).toMatchObject({ install: undefined, build: undefined, prune: undefined })
  })

  test('install scripts alone are run', () => {
    const plan = installPlan(facts({ scripts: { postinstall: 'make' } }, []))
    expect(plan.install).toEqual(['npm', 'install'])
  })

  test('a build has the dev dependencies, and in production they are pruned after it', () => {
    expect(installPlan(facts(built, ['package-lock.json'], { production: true }))).toMatchObject({
      install: ['npm', 'ci', '--include=dev'],
      build: ['npm', 'run', 'build'],
      prune: ['npm', 'prune', '--omit=dev'],
    })
  })

  test('outside production nothing is pruned', () => {
    expect(installPlan(facts(built, ['package-lock.json'])).prune).toBeUndefined()
  })

  test('without dev dependencies there is nothing to prune', () => {
    const manifest = { ...app, scripts: { build: 'make' } }
    expect(installPlan(facts(manifest, ['package-lock.json'], { production: true })).prune).toBeUndefined()
  })

  test('pnpm by its lock file', () => {
    expect(installPlan(facts(built, ['pnpm-lock.yaml'], { production: true }))).toMatchObject({
      tool: 'pnpm',
      install: ['pnpm', 'install', '--frozen-lockfile', '--prod=false'],
      build: ['pnpm', 'run', 'build'],
      prune: ['pnpm', 'prune', '--prod'],
    })
  })

  test('yarn by its lock file', () => {
    expect(installPlan(facts(built, ['yarn.lock'], { production: true }))).toMatchObject({
      tool: 'yarn',
      install: ['yarn', 'install', '--frozen-lockfile', '--non-interactive', '--production=false'],
      build: ['yarn', 'run', 'build'],
    })
  })

  test('a yarn of 2 and later has other options', () => {
    const manifest = { ...app, packageManager: 'yarn@4.9.2' }
    expect(installPlan(facts(manifest, ['yarn.lock'])).install).toEqual(['yarn', 'install', '--immutable'])
  })

  test('npm installs where pnpm is not there, and says so', () => {
    const plan = installPlan(facts(app, ['pnpm-lock.yaml'], { installed: { pnpm: false, yarn: false } }))
    expect(plan).toMatchObject({
      tool: 'npm',
      lockFile: undefined,
      install: ['npm', 'install'],
      note: 'pnpm-lock.yaml is not used, because pnpm is not installed here; npm installs instead',
    })
  })
})

describe('what cannot be reused', () => {
  const lock = '{"packages":{"node_modules/a":{"resolved":"https://packages.example/a/-/a-1.0.0.tgz"}}}'
  const why = (manifest: PackageJson, files = ['package-lock.json'], text = lock): string | undefined => {
    const seen = facts(manifest, files)
    return whyNotReusable(seen, installPlan(seen), text)
  }

  test('packages from the registry can', () => {
    expect(why(built)).toBeUndefined()
  })

  test.each<[string, PackageJson, string]>([
    ['install scripts', { ...app, scripts: { postinstall: 'x' } }, 'package.json has a script `postinstall`'],
    ['prepare', { ...app, scripts: { prepare: 'husky' } }, 'package.json has a script `prepare`'],
    ['workspaces', { ...app, workspaces: ['packages/*'] }, 'package.json has workspaces'],
    ['a directory', { dependencies: { lib: 'file:../lib' } }, 'lib is installed from the checkout'],
    ['a path', { dependencies: { lib: './lib' } }, 'lib is installed from the checkout'],
  ])('%s', (_, manifest, reason) => {
    expect(why(manifest)).toBe(reason)
  })

  test('no lock file', () => {
    expect(why(app, [])).toBe('there is no lock file')
  })

  test('an addon in the root', () => {
    expect(why(app, ['package-lock.json', 'binding.gyp'])).toBe('binding.gyp is compiled by the install')
  })

  test.each([
    ['npm, a link', 'package-lock.json', '{"packages":{"node_modules/a":{"resolved":"a","link": true}}}'],
    ['npm, a file', 'package-lock.json', '{"packages":{"node_modules/a":{"resolved": "file:a.tgz"}}}'],
    ['yarn, a file', 'yarn.lock', '"a@file:./a":\n  version "1.0.0"\n'],
  ])('a lock file that names a package of the checkout: %s', (_, file, text) => {
    expect(why(app, [file], text)).toBe(`${file} names a package of the checkout`)
  })

  test('a lock file of yarn with packages from the registry can', () => {
    const text = 'profile@^1.0.0:\n  resolved "https://registry.yarnpkg.com/profile.tgz#x"\n'
    expect(why(app, ['yarn.lock'], text)).toBeUndefined()
  })

  test('what pnpm installs', () => {
    expect(why(app, ['pnpm-lock.yaml'], '')).toBe('pnpm links from a store of its own')
  })
})

test('the version of the app is no part of what is installed, its overrides are', () => {
  expect(installFields({ ...app, version: '1.0.0' })).toEqual(installFields({ ...app, version: '1.0.1' }))
  expect(installFields({ ...app, overrides: { a: '1' } })).not.toEqual(installFields(app))
})
