/** Moves of refs that are not over, against a real git repository and real processes. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { execa } from 'execa'
import { expect, onTestFinished, test } from 'vitest'
import type { Context } from '../../src/context.ts'
import { allowMove, branchesWithLostMoves, finishMoves, listMoves } from '../../src/deploy/moves.ts'
import { agreeWithLive } from '../../src/deploy/recover.ts'
import { commitOf, setBranch } from '../../src/git/repository.ts'
import { setLive, writeRelease } from '../../src/system/state.ts'
import { testContext } from '../support/context.ts'

const main = { repo: 'web', branch: 'main' }
const NOWHERE = '0'.repeat(40)

interface Repo {
  readonly ctx: Context
  /** Three commits, one on the other. */
  readonly commits: readonly [string, string, string]
  readonly at: () => Promise<string | undefined>
}

async function repoWithCommits(): Promise<Repo> {
  const ctx = await testContext()
  const path = ctx.paths.repo('web')
  await mkdir(path, { recursive: true })
  const git = async (...args: string[]): Promise<string> => (await execa('git', args, { cwd: path })).stdout
  await git('init', '-q', '--bare')
  const tree = await git('hash-object', '-t', 'tree', '-w', '/dev/null')
  const identity = ['-c', 'user.name=A Developer', '-c', 'user.email=dev@example.com']
  const commit = (text: string, ...parents: string[]): Promise<string> =>
    git(...identity, 'commit-tree', '-m', text, ...parents.flatMap((parent) => ['-p', parent]), tree)
  const one = await commit('one')
  const two = await commit('two', one)
  const three = await commit('three', two)
  return { ctx, commits: [one, two, three], at: () => commitOf(ctx, 'web', 'refs/heads/main') }
}

/** Stands for git, or for who deploys: a process that does nothing until it is ended. */
function someone(): ChildProcess & { pid: number } {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child as ChildProcess & { pid: number }
}

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

async function makeLive({ paths }: Context, commit: string): Promise<void> {
  const release = `20260101_000000-${commit.slice(0, 11)}`
  const rest = { checkout: release, commit, subject: '', by: 'alice', created: '', env: {}, runners: [] }
  await writeRelease(paths, { ...main, release, ...rest })
  await setLive(paths, { ...main, release })
}

test('whoever has the lock waits until git has moved the ref of what is live', async () => {
  const { ctx, commits, at } = await repoWithCommits()
  const [one, two] = commits
  await setBranch(ctx, 'web', 'main', one)
  await makeLive(ctx, two)
  await allowMove(ctx, main, { from: one, to: two }, someone().pid)
  await agreeWithLive(ctx, main)
  expect(await at()).toBe(one)
  const finished = finishMoves(ctx, main)
  await setBranch(ctx, 'web', 'main', two)
  await finished
  expect(await listMoves(ctx.paths)).toEqual([])
})

test('what git was allowed to move and did not is moved for it once it has ended', async () => {
  const { ctx, commits, at } = await repoWithCommits()
  const [one, two] = commits
  await setBranch(ctx, 'web', 'main', one)
  await makeLive(ctx, two)
  const git = someone()
  await allowMove(ctx, main, { from: one, to: two }, git.pid)
  expect(await branchesWithLostMoves(ctx)).toEqual([])
  await end(git)
  expect(await branchesWithLostMoves(ctx)).toEqual([main])
  await finishMoves(ctx, main)
  expect(await at()).toBe(two)
  expect(await listMoves(ctx.paths)).toEqual([])
})

test('the ref waits for a deploy that is to come, and goes back once nobody is left to make it', async () => {
  const { ctx, commits, at } = await repoWithCommits()
  const [one, two] = commits
  await makeLive(ctx, one)
  const [git, deployer] = [someone(), someone()]
  await allowMove(ctx, main, { from: one, to: two }, git.pid, deployer.pid)
  await setBranch(ctx, 'web', 'main', two)
  await end(git)
  await finishMoves(ctx, main)
  await agreeWithLive(ctx, main)
  expect(await at()).toBe(two)
  await end(deployer)
  await finishMoves(ctx, main)
  expect(await at()).toBe(one)
  expect(await listMoves(ctx.paths)).toEqual([])
})

test('where nothing was ever live, several moves in a row all go back to no branch at all', async () => {
  const { ctx, commits, at } = await repoWithCommits()
  const [one, two, three] = commits
  const git = someone()
  const deployers = [someone(), someone(), someone()]
  for (const [number, to] of [one, two, three].entries()) {
    const from = commits[number - 1] ?? NOWHERE
    await allowMove(ctx, main, { from, to }, git.pid, deployers[number]?.pid ?? 0)
    await setBranch(ctx, 'web', 'main', to)
  }
  await end(git)
  for (const deployer of deployers) {
    expect(await at()).toBe(three)
    await end(deployer)
    await finishMoves(ctx, main)
  }
  expect(await at()).toBe(undefined)
  expect(await listMoves(ctx.paths)).toEqual([])
})
