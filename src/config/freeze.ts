/** Makes a value unchangeable, with all that is in it. */

function refuse(): never {
  throw new TypeError('the configuration cannot be changed')
}

/** `Object.freeze` leaves the entries of a Map open, so a Map gets these in front of its own methods. */
const CLOSED: object = Object.create(Map.prototype, {
  set: { value: refuse },
  delete: { value: refuse },
  clear: { value: refuse },
}) as object

export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  if (value instanceof Map) {
    for (const item of value.values()) deepFreeze(item)
    Object.setPrototypeOf(value, CLOSED)
  } else {
    for (const key in value) deepFreeze(value[key])
  }
  return Object.freeze(value)
}
