/** A tree's plain value, each scalar read as the schema at its place wants it. Pure. */
import { childShape, chosenShape, takesText, typesOf, type Shape } from './shape.ts'
import type { Tree } from './tree.ts'

/** What YAML 1.1, and so pyPaaS, took for truth values besides `true` and `false`. */
const TRUTH: Readonly<Record<string, boolean>> = { yes: true, on: true, no: false, off: false }

/** Aliases of aliases can stand for more than any memory holds. */
const LARGEST = 50_000

/** Undefined: with its aliases written out the file is too large to be meant. */
export function plainValue(tree: Tree, shape: Shape): unknown {
  const size = { left: LARGEST }
  const value = read(tree, shape, size)
  return size.left < 0 ? undefined : value
}

function read(tree: Tree, shape: Shape | undefined, size: { left: number }): unknown {
  if (--size.left < 0) return undefined
  if (tree.kind === 'scalar') return scalar(tree, shape)
  if (tree.kind === 'list') return tree.items.map((item) => read(item, shape?.items, size))
  const valueOf = (key: string): unknown => {
    const tag = tree.entries.get(key)?.tree
    return tag?.kind === 'scalar' ? tag.source : undefined
  }
  const needed = shape === undefined ? [] : (chosenShape(shape, valueOf).required ?? [])
  // Without a prototype, so that a key `__proto__` is a key like others.
  const value = Object.create(null) as Record<string, unknown>
  for (const [key, entry] of tree.entries) {
    const child = childShape(shape, key, valueOf)
    if (needed.includes(key) || !isHollow(entry.tree, child)) value[key] = read(entry.tree, child, size)
  }
  return value
}

/** A mapping whose lines are all commented out is as good as none, if it need not say anything. */
function isHollow(tree: Tree, shape: Shape | undefined): boolean {
  const mayBeEmpty = typesOf(shape).includes('object') && shape?.required === undefined
  return mayBeEmpty && tree.kind === 'scalar' && tree.plain && tree.source === ''
}

function scalar(tree: Tree & { kind: 'scalar' }, shape: Shape | undefined): unknown {
  if (takesText(shape)) return tree.value === null ? null : tree.source
  if (tree.plain && typesOf(shape).includes('boolean')) return truth(tree.source) ?? tree.value
  return tree.value
}

function truth(word: string): boolean | undefined {
  const lower = word.toLowerCase()
  return Object.hasOwn(TRUTH, lower) ? TRUTH[lower] : undefined
}
