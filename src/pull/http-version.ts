/** What tells one content of a URL from another. Pure. */
import type { Version } from './look.ts'

/** What tells one content from another: the entity tag, or the date and the length; nothing, if the server says neither. */
export function versionOf({ headers }: { readonly headers: Headers }): Version {
  const etag = headers.get('etag')
  const modified = headers.get('last-modified')
  const length = headers.get('content-length')
  return {
    ...(etag === null ? {} : { etag }),
    ...(modified === null ? {} : { modified }),
    ...(length === null ? {} : { length }),
  }
}

/** Whether two answers had the same content, as far as the server tells. When in doubt no. Pure. */
export function isSame(one: Version, other: Version): boolean {
  if (one['etag'] !== undefined && other['etag'] !== undefined) {
    // Compared weakly (RFC 9110, 8.8.3.2): a weak tag of the same name is the same to whoever unpacks it.
    return one['etag'].replace(/^W\//, '') === other['etag'].replace(/^W\//, '')
  }
  return (
    one['modified'] !== undefined &&
    one['modified'] === other['modified'] &&
    one['length'] === other['length']
  )
}
