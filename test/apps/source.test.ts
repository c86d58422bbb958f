import { expect, test } from 'vitest'
import { appIn, sourceText, versionIn } from '../../src/apps/source.ts'

test('a release says of which version of which app it is', () => {
  const app = { app: 'shop', target: 'main' }
  for (const artifact of ['shop.tar.gz', 'other.zip']) {
    const source = sourceText(app, artifact, '1.2.3')
    expect(appIn(source)).toEqual(app)
    expect(versionIn(source)).toBe('1.2.3')
  }
  for (const source of [undefined, 'https://example.com/shop.tar.gz@abc', '/srv/artifact:shop/main@1']) {
    expect(appIn(source)).toBeUndefined()
    expect(versionIn(source)).toBeUndefined()
  }
})
