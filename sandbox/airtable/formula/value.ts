/** What a formula reckons with. Null is an empty cell. */
export type Value = string | number | boolean | Date | null | readonly Value[]

/** The value #ERROR: thrown while a row is evaluated, it drops that row and nothing else. */
export class CellError extends Error {}

// One for all: a row in error is normal, and a stack trace for each of ten thousand is slow.
export const cellError = new CellError('#ERROR')

export function isTruthy(value: Value): boolean {
  if (value === null || value === '' || value === false || value === 0) return false
  if (typeof value === 'number') return !Number.isNaN(value)
  return !(Array.isArray(value) && value.length === 0)
}

export function toText(value: Value): string {
  if (typeof value === 'string') return value
  if (value === null) return ''
  if (typeof value === 'boolean') return value ? '1' : '0'
  if (value instanceof Date) return value.toISOString()
  return typeof value === 'number' ? String(value) : value.map(toText).join(', ')
}

export function toNumber(value: Value): number {
  if (typeof value === 'number') return value
  if (value === null || value === '') return 0
  if (typeof value === 'boolean') return value ? 1 : 0
  const number = value instanceof Date ? Number.NaN : Number(toText(value))
  if (Number.isNaN(number)) throw cellError
  return number
}

export function toDate(value: Value): Date {
  const date = value instanceof Date ? value : new Date(typeof value === 'string' ? value : Number.NaN)
  if (Number.isNaN(date.getTime())) throw cellError
  return date
}

/** Case-sensitive, and an empty cell equals "". */
export function isEqual(left: Value, right: Value): boolean {
  if (typeof left === 'string' && typeof right === 'string') return left === right
  if (left instanceof Date && right instanceof Date) return left.getTime() === right.getTime()
  if (isNumeric(left) && isNumeric(right)) return toNumber(left) === toNumber(right)
  return toText(left) === toText(right)
}

/** Below zero, zero or above, as sorting wants it; an empty cell comes first. */
export function compare(left: Value, right: Value): number {
  if (isNumeric(left) && isNumeric(right)) return toNumber(left) - toNumber(right)
  if (left instanceof Date && right instanceof Date) return left.getTime() - right.getTime()
  const [a, b] = [toText(left), toText(right)]
  return a < b ? -1 : Number(a > b)
}

function isNumeric(value: Value): boolean {
  return value === null || typeof value === 'number' || typeof value === 'boolean'
}
