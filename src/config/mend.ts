/**
 * What is left of a file whose schema finds mistakes in it: the same without
 * the mistakes. It is only looked at, so that one report has all that there is
 * to mend, also what the schema does not know of. Pure but for the value itself.
 */
import type { ErrorObject, ValidateFunction } from 'ajv'
import { pointerParts } from './finding.ts'
import { childShape, chosenShape, typesOf, type Shape } from './shape.ts'

type Mapping = Record<string, unknown>

/** Each round takes away what the former one laid open; files are not nested deeper than this. */
const ROUNDS = 20

/**
 * Takes what is wrong out of `value`, in place; what has to be there gets a stand-in.
 * Returns the paths of these, or undefined if the value cannot be made valid.
 */
export function mend(value: Mapping, schema: Shape, validator: ValidateFunction): string[][] | undefined {
  const standIns: string[][] = []
  for (let round = 0; round < ROUNDS; round++) {
    const errors = errorsOf(validator, value)
    if (errors.length === 0) return standIns
    for (const error of errors) {
      const path = mendError(value, schema, error)
      if (path !== undefined) standIns.push(path)
    }
  }
  return undefined
}

function errorsOf(validator: ValidateFunction, value: unknown): readonly ErrorObject[] {
  return validator(value) ? [] : (validator.errors ?? [])
}

/** Returns the path of a stand-in, if there had to be one. */
function mendError(root: Mapping, schema: Shape, error: ErrorObject): string[] | undefined {
  const path = pointerParts(error.instancePath)
  if (error.keyword === 'required') path.push(error.params.missingProperty as string)
  if (error.keyword === 'additionalProperties') path.push(error.params.additionalProperty as string)
  const place = placeOf(root, schema, path)
  if (place === undefined) return undefined
  const { parent, shape, key, at } = place
  delete parent[key]
  if (!shape.required?.includes(key)) return undefined
  parent[key] = standIn(childShape(shape, key, (name) => parent[name]))
  return at
}

interface Place {
  readonly parent: Mapping
  readonly key: string
  readonly shape: Shape
  readonly at: string[]
}

/** The entry at `path`; for an item of a list that of the list, since items cannot be missing one by one. */
function placeOf(root: Mapping, schema: Shape, path: readonly string[]): Place | undefined {
  let parent = root
  let shape: Shape | undefined = schema
  for (const [depth, key] of path.entries()) {
    const here = parent
    const child = here[key]
    if (depth === path.length - 1 || !isMapping(child)) {
      const chosen = chosenShape(shape ?? {}, (name) => here[name])
      return { parent, key, shape: chosen, at: path.slice(0, depth + 1) }
    }
    shape = childShape(shape, key, (name) => here[name])
    parent = child
  }
  return undefined
}

/** Something that the schema finds right. */
function standIn(shape: Shape | undefined): unknown {
  const [word] = shape?.enum ?? []
  if (shape?.const !== undefined || word !== undefined) return shape?.const ?? word
  const types = typesOf(shape)
  if (types.includes('object')) {
    const required = shape?.required ?? []
    return Object.fromEntries(required.map((key) => [key, standIn(shape?.properties?.[key])]))
  }
  return types.includes('string') ? 'x' : (shape?.maximum ?? 1)
}

export function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whether `path` is the place of a stand-in or below one: what is found there says nothing about the file. */
export function isStandIn(standIns: readonly (readonly string[])[], path: readonly string[]): boolean {
  return standIns.some((other) => other.every((part, index) => part === path[index]))
}
