/**
 * The text of one file to its raw configuration, or to all that is wrong in it.
 * Pure, but heavy to import (YAML, validators): only when a file has to be read anew.
 */
import type { ValidateFunction } from 'ajv'
import { checkDomain } from './checks-domain.ts'
import { checkMain } from './checks-main.ts'
import { checkRepo } from './checks-repo.ts'
import type { Finding } from './finding.ts'
import { isMapping, isStandIn, mend } from './mend.ts'
import { offsetOf, positionAt, type Position } from './position.ts'
import { schemas, type FileKind, type RawDomain, type RawMain, type RawRepo } from './schema.ts'
import { expectation } from './shape.ts'
import { translate } from './translate.ts'
import { parseTree, type Mistake, type Tree } from './tree.ts'
import { validateDomain, validateMain, validateRepo } from './validators.ts'
import { plainValue } from './value.ts'

export interface FileProblem extends Position {
  readonly message: string
}

/** What became of one file. It is kept in the cache, so it holds plain JSON only. */
export interface ParsedFile {
  /** In the order of the file. */
  readonly problems: readonly FileProblem[]
  /**
   * Valid by the schema of its kind; in a file with problems by what `mend.ts` made
   * of it. Undefined if nothing could be made of it.
   */
  readonly value: unknown
  /** The paths in `value` that are not the file's own. */
  readonly standIns: readonly (readonly string[])[]
}

const VALIDATORS: Record<FileKind, ValidateFunction> = {
  main: validateMain,
  repo: validateRepo,
  domain: validateDomain,
}

const CHECKS: Record<FileKind, (name: string, valid: unknown) => Finding[]> = {
  main: (_name, valid) => checkMain(valid as RawMain),
  repo: (name, valid) => checkRepo(name, valid as RawRepo),
  domain: (name, valid) => checkDomain(name, valid as RawDomain),
}

const EMPTY: Record<FileKind, string> = {
  main: 'the file is empty; it needs at least `ports: {min: 61500, max: 61800}`',
  repo: 'the file is empty; it needs at least `branches:`',
  domain: 'the file is empty; it needs at least `locations:`',
}

/** `name` is that of the repo or domain. */
export function parseFile(kind: FileKind, name: string, bytes: Uint8Array): ParsedFile {
  const text = decode(bytes)
  if (text === undefined) return unusable('the file is not UTF-8 text')
  const { tree, mistakes } = parseTree(text)
  const place = ({ offset, message }: Mistake): FileProblem => ({ ...positionAt(text, offset), message })
  if (mistakes.length > 0 && tree === undefined) {
    return { problems: mistakes.map(place), value: undefined, standIns: [] }
  }
  if (tree === undefined || isEmpty(tree)) return unusable(EMPTY[kind])

  const schema = schemas[kind]
  const plain = plainValue(tree, schema)
  if (plain === undefined) return unusable('the aliases (`*name`) in this file multiply without end')
  if (!isMapping(plain)) {
    return unusable(`expected ${expectation(schema)} with \`${schema.required[0]}:\` at the top`)
  }

  const validator = VALIDATORS[kind]
  const findings = validator(plain) ? [] : translate(validator.errors ?? [], schema, plain)
  const standIns = mend(plain, schema, validator)
  if (standIns !== undefined) {
    findings.push(...CHECKS[kind](name, plain).filter(({ path }) => !isStandIn(standIns, path)))
  }
  const found = findings.map((finding) => ({ offset: offsetOf(tree, finding), message: finding.message }))
  return {
    problems: [...mistakes, ...found].toSorted((one, other) => one.offset - other.offset).map(place),
    value: standIns === undefined ? undefined : plain,
    standIns: standIns ?? [],
  }
}

/** Where a finding of `rules.ts` is, in a file that was parsed before. */
export function locate(bytes: Uint8Array, finding: Omit<Finding, 'message'>): Position {
  const text = decode(bytes) ?? ''
  return positionAt(text, offsetOf(parseTree(text).tree, finding))
}

function unusable(message: string): ParsedFile {
  return { problems: [{ line: 1, column: 1, message }], value: undefined, standIns: [] }
}

function isEmpty(tree: Tree): boolean {
  return tree.kind === 'scalar' && tree.plain && tree.source === ''
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}
