import { chmod, lstat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { applyInstall } from '../../src/install/apply.ts'
import { gatherFacts } from '../../src/install/gather.ts'
import { silent } from '../../src/system/output.ts'
import { debianImage } from './image.ts'

describe('what is gathered on the running system', () => {
  it('names the first directory on the way to pypaas that the user may not pass', async () => {
    const { options } = await debianImage()
    const others = { ...options, user: 'nobody', node: '/bin/sh' }
    // Temporary directories are closed to others.
    const closed = dirname(options.program)
    expect((await gatherFacts('/', others)).unreachable).toBe(closed)
    await chmod(closed, 0o711)
    expect((await gatherFacts('/', others)).unreachable).toBeUndefined()
    await chmod(join(options.program, 'dist', 'pypaas.js'), 0o600)
    expect((await gatherFacts('/', others)).unreachable).toBe(join(options.program, 'dist', 'pypaas.js'))
  })

  it('finds users by the name service', async () => {
    const { options } = await debianImage()
    expect((await gatherFacts('/', { ...options, user: 'nobody' })).user).toMatchObject({ uid: 65534 })
    expect((await gatherFacts('/', { ...options, user: 'no-such-user' })).user).toBeUndefined()
  })

  it('says what is missing of pypaas itself', async () => {
    const { root, options } = await debianImage()
    const incomplete = { ...options, program: join(root, 'etc') }
    await expect(gatherFacts(root, incomplete)).rejects.toMatchObject({
      message: `pypaas is not complete: ${root}/etc/daemontools-run is missing`,
    })
  })
})

describe('commands among the steps', () => {
  it('run only after what they depend on has changed, and not if it is so already', async () => {
    const { at, root } = await debianImage()
    const file = { kind: 'file', path: at('/unit'), text: 'x', owner: 'root', mode: 0o644 } as const
    const command = { kind: 'command', argv: ['touch', at('/ran')], after: [file.path] } as const
    const unless = {
      kind: 'command',
      argv: ['touch', at('/never')],
      unless: ['test', '-e', at('/ran')],
    } as const
    const outcomes = async (dryRun: boolean) =>
      (await applyInstall([file, command, unless], silent, { root, dryRun })).map((report) => report.outcome)

    expect(await outcomes(true)).toEqual(['created', 'changed', 'changed'])
    await expect(lstat(at('/ran'))).rejects.toThrow('ENOENT')
    expect(await outcomes(false)).toEqual(['created', 'changed', 'unchanged'])
    expect(await outcomes(false)).toEqual(['unchanged', 'unchanged', 'unchanged'])
    await expect(lstat(at('/never'))).rejects.toThrow('ENOENT')
  })
})
