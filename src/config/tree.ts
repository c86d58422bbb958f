/**
 * The text of a YAML file as a tree that knows where everything stands. Scalars
 * keep the text that they were written as: what they mean depends on the schema.
 */
import { isAlias, isMap, isNode, isScalar, isSeq, parseDocument, type Scalar, type YAMLError } from 'yaml'

export type Tree = ScalarTree | ListTree | MapTree

interface ScalarTree {
  readonly kind: 'scalar'
  readonly offset: number
  readonly value: unknown
  /** As written; for quoted text and blocks their content. */
  readonly source: string
  /** Written without quotes. */
  readonly plain: boolean
}

interface ListTree {
  readonly kind: 'list'
  readonly offset: number
  readonly items: readonly Tree[]
}

interface MapTree {
  readonly kind: 'map'
  readonly offset: number
  readonly entries: ReadonlyMap<string, Entry>
}

interface Entry {
  readonly keyOffset: number
  readonly tree: Tree
}

/** A mistake in the YAML itself. */
export interface Mistake {
  readonly offset: number
  readonly message: string
}

/** `tree` is undefined for a file without content, and for one that cannot be read. */
export interface ParsedText {
  readonly tree: Tree | undefined
  readonly mistakes: readonly Mistake[]
}

/**
 * Reads YAML 1.2. Anchors, aliases and merge keys (`<<`) are understood, since
 * pyPaaS understood them; a key that is there twice is a mistake.
 */
export function parseTree(text: string): ParsedText {
  const document = parseDocument(text, { prettyErrors: false, uniqueKeys: false })
  const [error] = document.errors
  // One slip often makes several errors: those behind the first say nothing more.
  if (error !== undefined) return { tree: undefined, mistakes: [syntaxMistake(error)] }
  const mistakes = document.warnings.map((warning) => ({
    offset: warning.pos[0],
    message: `${warning.message.replace(/^Unresolved tag: /, 'unknown tag ')}; write the value without it`,
  }))
  const reader: Reader = { anchors: new Map(), mistakes, dangling: [] }
  const tree = readNode(document.contents, 0, reader)
  // Without what the aliases stand for, anything else that is found may be wrong.
  return reader.dangling.length > 0 ? { tree: undefined, mistakes: reader.dangling } : { tree, mistakes }
}

interface Reader {
  readonly anchors: Map<string, Tree>
  readonly mistakes: Mistake[]
  /** Aliases without an anchor. */
  readonly dangling: Mistake[]
}

/** `fallback` is where a value that is not written at all would stand. */
function readNode(node: unknown, fallback: number, reader: Reader): Tree | undefined {
  if (isAlias(node)) {
    const target = reader.anchors.get(node.source)
    if (target === undefined) {
      const message = `\`*${node.source}\` refers to an anchor that is not defined above it`
      reader.dangling.push({ offset: node.range?.[0] ?? fallback, message })
    }
    return target
  }
  if (!isScalar(node) && !isSeq(node) && !isMap(node)) return undefined
  const tree = isScalar(node) ? readScalar(node, fallback, reader) : readCollection(node, fallback, reader)
  if (node.anchor !== undefined) reader.anchors.set(node.anchor, tree)
  return tree
}

function readScalar(node: Scalar, fallback: number, { mistakes }: Reader): Tree {
  const source = node.source ?? ''
  const plain = node.type === 'PLAIN'
  const offset = plain && source === '' ? fallback : (node.range?.[0] ?? fallback)
  if (source.includes('\0')) mistakes.push({ offset, message: 'a NUL character cannot be part of a value' })
  return { kind: 'scalar', offset, value: node.value, source, plain }
}

function readCollection(node: unknown, fallback: number, reader: Reader): Tree {
  if (isSeq(node)) {
    const offset = node.range?.[0] ?? fallback
    const items = node.items.map((item) => readNode(item, offset, reader))
    return { kind: 'list', offset, items: items.filter((item) => item !== undefined) }
  }
  const own = new Map<string, Entry>()
  const merged = new Map<string, Entry>()
  const offset = (isMap(node) ? node.range?.[0] : undefined) ?? fallback
  for (const { key, value } of isMap(node) ? node.items : []) {
    const name = isScalar(key) ? (key.source ?? '') : ''
    const keyOffset = (isNode(key) ? key.range?.[0] : undefined) ?? offset
    if (!isScalar(key) || name === '') {
      reader.mistakes.push({ offset: keyOffset, message: 'a key has to be one piece of text' })
      continue
    }
    const tree = readNode(value, keyOffset, reader) ?? emptyAt(keyOffset)
    if (name === '<<' && key.type === 'PLAIN') {
      merge(merged, tree, reader)
      continue
    }
    const former = own.get(name)
    if (former === undefined) own.set(name, { keyOffset, tree })
    else
      reader.mistakes.push({ offset: keyOffset, message: `\`${name}\` is there twice; remove one of them` })
  }
  // What a mapping says itself goes before what it merges in.
  return { kind: 'map', offset, entries: new Map([...merged, ...own]) }
}

function merge(into: Map<string, Entry>, tree: Tree, { mistakes }: Reader): void {
  for (const source of tree.kind === 'list' ? tree.items : [tree]) {
    if (source.kind !== 'map') {
      mistakes.push({ offset: tree.offset, message: '`<<` takes a mapping, as in `<<: *name`' })
      return
    }
    for (const [name, entry] of source.entries) if (!into.has(name)) into.set(name, entry)
  }
}

function emptyAt(offset: number): Tree {
  return { kind: 'scalar', offset, value: null, source: '', plain: true }
}

/** What the errors of the YAML library mean to the one who wrote the file. */
const SYNTAX: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'a tab cannot indent in YAML; use spaces',
  BLOCK_AS_IMPLICIT_KEY: 'a second `:` in one line; put a value that holds `: ` in quotes',
  MULTIPLE_DOCS: 'a second document begins here; a file holds one, so remove this `---`',
  MULTILINE_IMPLICIT_KEY:
    'this line does not fit to the lines above; is it indented rightly, is a `:` missing?',
}

function syntaxMistake(error: YAMLError): Mistake {
  const quote = /^Missing closing (["'])quote/.exec(error.message)?.[1]
  if (quote !== undefined)
    return { offset: error.pos[0], message: `a ${quote} that was opened before is not closed` }
  const text = SYNTAX[error.code] ?? `not valid YAML: ${lowerFirst(firstLine(error.message))}`
  const starts = error.code === 'BAD_SCALAR_START' ? '; put the value in quotes' : ''
  return { offset: error.pos[0], message: text + starts }
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? ''
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}
