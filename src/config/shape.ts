/** Reading the JSON Schemas: which part is about which key, and what it expects, in words. Pure. */

/** The parts of JSON Schema that `schema-*.ts` use. */
export interface Shape {
  readonly type?: string | readonly string[]
  readonly title?: string
  readonly properties?: Readonly<Record<string, Shape>>
  readonly additionalProperties?: boolean | Shape
  readonly required?: readonly string[]
  readonly items?: Shape
  readonly oneOf?: readonly Shape[]
  readonly discriminator?: { readonly propertyName: string }
  readonly enum?: readonly string[]
  readonly const?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly minLength?: number
}

/** One of several kinds of a mapping, by the value of its `type`. */
export interface Kind {
  readonly name: string
  readonly shape: Shape
}

/** The schema of what stands at `key` of a mapping (or list); `typeOf` tells the mapping's own keys. */
export function childShape(
  shape: Shape | undefined,
  key: string,
  valueOf: (key: string) => unknown,
): Shape | undefined {
  if (shape === undefined) return undefined
  if (shape.items !== undefined && /^\d+$/.test(key)) return shape.items
  const chosen = chosenShape(shape, valueOf)
  const own = Object.hasOwn(chosen.properties ?? {}, key) ? chosen.properties?.[key] : undefined
  if (own !== undefined) return own
  return typeof chosen.additionalProperties === 'object' ? chosen.additionalProperties : undefined
}

/** Of several kinds of a mapping the one that its `type` names; else the schema itself. */
export function chosenShape(shape: Shape, valueOf: (key: string) => unknown): Shape {
  const tag = shape.discriminator?.propertyName
  if (tag === undefined || shape.oneOf === undefined) return shape
  return shape.oneOf.find((kind) => kind.properties?.[tag]?.const === valueOf(tag)) ?? shape
}

/** The kinds of a mapping of several kinds; none for others. */
export function kindsOf(shape: Shape): Kind[] {
  const tag = shape.discriminator?.propertyName
  if (tag === undefined) return []
  return (shape.oneOf ?? []).map((kind) => ({ name: kind.properties?.[tag]?.const ?? '', shape: kind }))
}

/** The keys that a mapping may have. */
export function knownKeys(shape: Shape): string[] {
  return Object.keys(shape.properties ?? {})
}

export function typesOf(shape: Shape | undefined): readonly string[] {
  if (shape?.type === undefined) return []
  return typeof shape.type === 'string' ? [shape.type] : shape.type
}

/** Whether text is right here, so that any scalar is taken as it is written (`1.10` stays `1.10`). */
export function takesText(shape: Shape | undefined): boolean {
  return typesOf(shape).includes('string') || shape?.enum !== undefined || shape?.const !== undefined
}

/** What has to stand there, as in ``a whole number from 1 to 65535`` or ``one of `overlap`, `stop_first` ``. */
export function expectation(shape: Shape): string {
  if (shape.enum !== undefined) return `one of ${shape.enum.map((word) => `\`${word}\``).join(', ')}`
  const types = typesOf(shape)
  if (types.includes('object')) return 'a mapping (`key: value` lines, indented)'
  if (types.includes('array')) return types.includes('string') ? 'text or a list of texts' : 'a list'
  if (types.includes('string')) return 'text'
  if (types.includes('boolean')) return '`true` or `false`'
  return numberExpectation(shape, types.includes('integer') ? 'a whole number' : 'a number')
}

function numberExpectation(shape: Shape, kind: string): string {
  const { minimum, maximum, exclusiveMinimum } = shape
  if (exclusiveMinimum !== undefined) return `${kind} above ${exclusiveMinimum}${upTo(maximum)}`
  if (minimum === undefined) return kind
  if (maximum === undefined) return `${kind}, ${minimum} or more`
  return `${kind} from ${minimum} to ${maximum}`
}

function upTo(maximum: number | undefined): string {
  return maximum === undefined ? '' : `, at most ${maximum}`
}
