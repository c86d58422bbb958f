import { execa } from 'execa'
import { expect, test } from 'vitest'
import { subjectOf } from '../../src/git/repository.ts'
import { testContext } from '../support/context.ts'

const AUTHOR = {
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@b',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@b',
}

const MESSAGES = [
  'one line',
  'one line\n\nand more\n\nand more',
  'a subject\nof two lines\n\nbody',
  '\n\n  blank lines first\n\nbody',
  'only\n \nblanks between',
  'tab\tand é ✓',
  '',
  'ends with blanks   \n\n',
  'x'.repeat(300),
]

test('the subject of a commit is what git says, in a file of its own and in a pack', async () => {
  const ctx = await testContext()
  const dir = ctx.paths.repo('web')
  const git = async (args: string[], options: { input?: string; env?: Record<string, string> } = {}) =>
    (await execa('git', ['-C', dir, ...args], { ...options, env: { ...AUTHOR, ...options.env } })).stdout
  await execa('git', ['init', '-q', '--bare', dir])
  const tree = await git(['mktree'], { input: '' })
  const commits: string[] = []
  for (const input of MESSAGES) commits.push(await git(['commit-tree', tree], { input }))
  const latin1 = ['-c', 'i18n.commitEncoding=ISO-8859-1', 'commit-tree', tree]
  commits.push(await git(latin1, { input: 'ascii of another encoding' }))
  const said = async (): Promise<string[]> =>
    Promise.all(commits.map((commit) => subjectOf(ctx, 'web', commit)))
  const byGit = await Promise.all(
    commits.map(async (commit) =>
      (await git(['log', '-1', '--format=%s', commit])).trim().replaceAll('\t', ' ').slice(0, 200),
    ),
  )
  expect((await said()).map((subject) => subject.trim())).toEqual(byGit)
  for (const [index, commit] of commits.entries()) await git(['update-ref', `refs/heads/b${index}`, commit])
  await git(['repack', '-adq'])
  await git(['prune-packed'])
  expect((await said()).map((subject) => subject.trim())).toEqual(byGit)
})
