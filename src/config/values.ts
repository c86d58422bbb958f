/** Texts of the configuration that stand for something else: addresses, sizes, ranges. Pure. */
import { isIP } from 'node:net'
import type { ListenAddress } from './types.ts'

/**
 * `8080`, `host:8080`, `*:8080` (all addresses) or `[::1]:8080`.
 * Undefined if it is none of these.
 */
export function parseListen(value: string | number): ListenAddress | undefined {
  const [, bracketed, name, digits = ''] =
    /^(?:\[([^\]]+)\]:|([^:[\]]+):)?(\d{1,5})$/.exec(String(value)) ?? []
  const port = Number(digits)
  if (digits === '' || port < 1 || port > 65535) return undefined
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? { host: bracketed, port } : undefined
  if (name === undefined || name === '*') return { host: undefined, port }
  return isIP(name) === 4 || isHostName(name) ? { host: name, port } : undefined
}

/** Labels of letters, digits and hyphens (RFC 1123, 2.1), the last one not of digits only. */
function isHostName(name: string): boolean {
  return (
    name.length <= 253 &&
    /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(name)
  )
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
}

/** Bytes of `1048576`, `500MiB`, `1.5 GiB`, `2GB`. Undefined if it is no size above 0. */
export function parseSize(value: string | number): number | undefined {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?) ?([A-Za-z]*)$/.exec(String(value)) ?? []
  const factor = Object.hasOwn(UNITS, unit) ? UNITS[unit] : undefined
  if (digits === undefined || factor === undefined) return undefined
  const bytes = Math.round(Number(digits) * factor)
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined
}

/** `200` or `200-399`, both ends included. Undefined if it is no range of HTTP status codes (RFC 9110, 15). */
export function parseStatus(value: string | number): { min: number; max: number } | undefined {
  const [, first, last] = /^([1-5]\d\d)(?: ?- ?([1-5]\d\d))?$/.exec(String(value)) ?? []
  if (first === undefined) return undefined
  const range = { min: Number(first), max: Number(last ?? first) }
  return range.min <= range.max ? range : undefined
}

/** `text` with the name of a domain in the place of `{domain}`. */
export function withDomain(text: string, domain: string): string {
  return text.replaceAll('{domain}', () => domain)
}

/** A directory below the checkout without slashes at its ends and without `.` parts. */
export function withoutOuterSlashes(directory: string): string {
  return directory
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/')
}
