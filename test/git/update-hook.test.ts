import { expect, test } from 'vitest'
import type { BranchConfig, RepoConfig } from '../../src/config/types.ts'
import { branchOfUpdate } from '../../src/git/update-hook.ts'

function branch(name: string): BranchConfig {
  return { repo: 'web', branch: name, runners: new Map(), env: {}, hooks: {}, customCmds: new Map() }
}

const repo: RepoConfig = {
  name: 'web',
  branches: new Map([
    ['main', branch('main')],
    ['feature/x', branch('feature/x')],
  ]),
}
const some = 'a'.repeat(40)
const none = '0'.repeat(40)

test('a configured branch is taken, whatever it was before', () => {
  expect(branchOfUpdate(repo, { ref: 'refs/heads/feature/x', from: none, to: some }).branch).toBe('feature/x')
})

test('a branch that is not configured is refused with those that are', () => {
  expect(() => branchOfUpdate(repo, { ref: 'refs/heads/dev', from: none, to: some })).toThrow(
    'the branch dev of web is not configured; configured: main, feature/x',
  )
})

test('a tag is refused', () => {
  expect(() => branchOfUpdate(repo, { ref: 'refs/tags/v1', from: none, to: some })).toThrow(
    'the tag v1 is not taken: only branches are deployed',
  )
})

test('another ref is refused', () => {
  expect(() => branchOfUpdate(repo, { ref: 'refs/notes/x', from: none, to: some })).toThrow(
    'refs/notes/x is not taken',
  )
})

test('the deletion of a configured branch is refused', () => {
  expect(() => branchOfUpdate(repo, { ref: 'refs/heads/main', from: some, to: none })).toThrow(
    'the branch main is configured and cannot be deleted by a push',
  )
})

test('the deletion of another branch is refused without advice to push it', () => {
  expect(() => branchOfUpdate(repo, { ref: 'refs/heads/old', from: some, to: none })).toThrow(
    'the branch old of web cannot be deleted by a push',
  )
})

const remote = {
  kind: 'http' as const,
  url: 'https://example.com/a.zip',
  credentials: { user: 'bob', password: 's3cret' },
  shown: 'https://example.com/a.zip',
}

test('a branch that is pulled takes no pushes', () => {
  const pulled = { ...branch('main'), source: { remote, schedule: undefined } }
  const update = { ref: 'refs/heads/main', from: none, to: some }
  expect(() => branchOfUpdate({ name: 'web', branches: new Map([['main', pulled]]) }, update)).toThrow(
    'the branch main of web is pulled from https://example.com/a.zip and takes no pushes',
  )
})
