/** What the schema validator found, in words for the one who wrote the file: one finding a mistake. Pure. */
import type { ErrorObject } from 'ajv'
import { atKey, atValue, pointerParts, withPath, type Finding } from './finding.ts'
import {
  childShape,
  chosenShape,
  expectation,
  kindsOf,
  knownKeys,
  typesOf,
  type Kind,
  type Shape,
} from './shape.ts'
import { listed, nearest, suggestion } from './suggest.ts'

/** What an error is about: its place, the schema of that place and what stands there. */
interface Subject {
  readonly path: readonly string[]
  readonly shape: Shape
  /** Below a runner: what each type of runner has at this place. */
  readonly kinds: readonly Kind[]
  readonly value: unknown
}

/** Findings for the errors of a validator, in the order in which it found them. */
export function translate(errors: readonly ErrorObject[], schema: Shape, value: unknown): Finding[] {
  return errors.flatMap((error) => {
    const subject = subjectOf(error, schema, value)
    // A misspelt key is one mistake, not an unknown key and a missing one.
    if (error.keyword === 'required' && isMisspelt(error.params.missingProperty as string, subject)) return []
    return finding(error, subject)
  })
}

function isMisspelt(missing: string, { shape, value }: Subject): boolean {
  const known = knownKeys(shape)
  return Object.keys(asMapping(value)).some((key) => !known.includes(key) && nearest(key, known) === missing)
}

function finding(error: ErrorObject, subject: Subject): Finding[] {
  const { path, shape } = subject
  switch (error.keyword) {
    case 'additionalProperties':
      return [unknownKey(error.params.additionalProperty as string, subject)]
    case 'required':
      return [missingKey(error.params.missingProperty as string, subject)]
    case 'discriminator':
      return unknownKind(subject)
    case 'minProperties':
      return [atKey(path, withPath(path, 'there has to be at least one entry'))]
    case 'minItems':
      return [atKey(path, withPath(path, 'the list is empty'))]
    case 'minLength':
      return [atValue(path, withPath(path, 'the text is empty'))]
    default: {
      const text = `expected ${expectation(shape)}, found ${found(subject)}`
      return [atValue(path, withPath(path, text + emptyAdvice(subject)))]
    }
  }
}

function missingKey(key: string, { path, kinds, shape, value }: Subject): Finding {
  if (shape.discriminator === undefined) return atKey(path, withPath(path, `\`${key}\` is missing`))
  const known = [key, ...new Set(kinds.flatMap((kind) => knownKeys(kind.shape)))]
  const misspelt = Object.keys(asMapping(value)).find(
    (other) => !known.includes(other) && nearest(other, known) === key,
  )
  if (misspelt !== undefined) {
    return atKey([...path, misspelt], withPath(path, `unknown key \`${misspelt}\`; did you mean \`${key}\`?`))
  }
  return atKey(path, withPath(path, `\`${key}\` is missing: one of ${listed(namesOf(kinds))}`))
}

function unknownKey(key: string, { path, kinds, shape, value }: Subject): Finding {
  const owners = namesOf(kinds.filter((kind) => knownKeys(kind.shape).includes(key)))
  const present = asMapping(value)
  const known = knownKeys(shape)
  // A key that is there already cannot be what another one was meant to be.
  const free = known.filter((other) => !Object.hasOwn(present, other))
  const near = suggestion(key, free, 'known keys:')
  const advice =
    owners.length > 0
      ? `it belongs to ${listed(owners)}`
      : free.length > 0
        ? near
        : `known keys: ${listed(known)}`
  return atKey([...path, key], withPath(path, `unknown key \`${shortened(key)}\`; ${advice}`))
}

function unknownKind({ path, kinds, value }: Subject): Finding[] {
  const { type } = asMapping(value)
  if (type === undefined) return [] // the error of `required` says so
  const where = [...path, 'type']
  const names = namesOf(kinds)
  const text =
    typeof type === 'string'
      ? `there is no type \`${shortened(type)}\` of runner; ${suggestion(type, names, 'there are')}`
      : `expected one of ${listed(names)}, found ${nameOfValue(type)}`
  return [atValue(where, withPath(where, text))]
}

function emptyAdvice({ shape, value }: Subject): string {
  const mayBeEmpty = typesOf(shape).includes('string') && shape.minLength === undefined
  return value === null && mayBeEmpty ? "; an empty text is written `''`" : ''
}

/** The value itself is shown where it cannot be a secret: where no free text was expected. */
function found({ shape, value }: Subject): string {
  const types = typesOf(shape)
  const free = types.includes('string') || types.includes('object') || types.includes('array')
  const isScalar = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
  return isScalar && !free ? `\`${shortened(String(value))}\`` : nameOfValue(value)
}

function namesOf(kinds: readonly Kind[]): string[] {
  return kinds.map((kind) => kind.name)
}

function nameOfValue(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  return typeof value === 'string' ? 'text' : typeof value === 'number' ? 'a number' : 'a truth value'
}

function shortened(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ')
  return line.length > 40 ? `${line.slice(0, 40)}…` : line
}

function asMapping(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function subjectOf(error: ErrorObject, schema: Shape, root: unknown): Subject {
  const path = pointerParts(error.instancePath)
  let shape: Shape | undefined = schema
  let kinds: readonly Kind[] = []
  let value = root
  for (const part of path) {
    const here = asMapping(value)
    kinds = kinds.flatMap(({ name, shape: kind }) => {
      const child = childShape(kind, part, () => undefined)
      return child === undefined ? [] : [{ name, shape: child }]
    })
    shape = childShape(shape, part, (key) => here[key])
    value = here[part]
    if (shape?.oneOf !== undefined) kinds = kindsOf(shape)
  }
  const mapping = asMapping(value)
  return { path, shape: chosenShape(shape ?? {}, (key) => mapping[key]), kinds, value }
}
