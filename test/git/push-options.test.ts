import { expect, test } from 'vitest'
import { parsePushOptions } from '../../src/git/push-options.ts'

test('no options are none', () => {
  expect(parsePushOptions([])).toEqual({ dryRun: false, noCache: false, detach: false, message: undefined })
})

test('options are taken together, in any order; of several messages the last', () => {
  const given = ['message=one', 'detach', 'no-cache', 'message=two = 2', 'dry-run']
  expect(parsePushOptions(given)).toEqual({ dryRun: true, noCache: true, detach: true, message: 'two = 2' })
})

test('a message is one line of limited length', () => {
  expect(parsePushOptions(['message=a\u001b[31m\u0007b']).message).toBe('a [31m b')
  expect(parsePushOptions([`message=${'x'.repeat(600)}`]).message).toHaveLength(500)
  expect(parsePushOptions(['message=']).message).toBe('')
})

test.each(['dryrun', 'no-cache=1', 'message', '', 'Dry-Run'])(
  '%j is refused with what there is',
  (option) => {
    expect(() => parsePushOptions(['no-cache', option])).toThrowError(
      expect.objectContaining({
        code: 'usage',
        message: `there is no push option ${JSON.stringify(option)}`,
        hint: 'there are: -o dry-run, -o no-cache, -o detach, -o message=TEXT',
      }),
    )
  },
)
