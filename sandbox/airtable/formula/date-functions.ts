import { binary, constant, type FormulaFunction, variadic } from './evaluator.ts'
import { cellError, toDate, toNumber, toText, type Value } from './value.ts'

const second = 1000
const day = 86_400_000

const unitMs = new Map<string, number>([
  ...names(['millisecond', 'milliseconds', 'ms'], 1),
  ...names(['second', 'seconds', 's'], second),
  ...names(['minute', 'minutes', 'm'], 60 * second),
  ...names(['hour', 'hours', 'h'], 3600 * second),
  ...names(['day', 'days', 'd'], day),
  ...names(['week', 'weeks', 'w'], 7 * day),
])

const unitMonths = new Map<string, number>([
  ...names(['month', 'months', 'M'], 1),
  ...names(['quarter', 'quarters', 'Q'], 3),
  ...names(['year', 'years', 'y'], 12),
])

function names(words: string[], amount: number): [string, number][] {
  return words.map((word) => [word, amount])
}

export const dateFunctions: Record<string, FormulaFunction> = {
  NOW: constant((now) => now()),
  TODAY: constant((now) => new Date(Math.floor(now().getTime() / day) * day)),
  IS_AFTER: binary((left, right) => Number(toDate(left) > toDate(right))),
  IS_BEFORE: binary((left, right) => Number(toDate(left) < toDate(right))),
  IS_SAME: variadic(
    2,
    ([left = null, right = null, unit = 'ms']) => Number(isSame(left, right, toText(unit))),
    3,
  ),
  // Formats and locales are for dates of other notations; ours are ISO.
  DATETIME_PARSE: variadic(1, ([text = null]) => toDate(text), 3),
  DATETIME_DIFF: variadic(
    2,
    ([left = null, right = null, unit = 's']) => difference(toDate(left), toDate(right), toText(unit)),
    3,
  ),
  DATEADD: variadic(
    3,
    ([date = null, count = null, unit = null]) => add(toDate(date), toNumber(count), toText(unit)),
    3,
  ),
}

function difference(left: Date, right: Date, unit: string): number {
  const ms = unitMs.get(unit)
  if (ms !== undefined) return Math.trunc((left.getTime() - right.getTime()) / ms)
  const months = unitMonths.get(unit)
  if (months === undefined) throw cellError
  return Math.trunc(wholeMonths(left, right) / months)
}

function wholeMonths(left: Date, right: Date): number {
  if (left < right) return -wholeMonths(right, left)
  const count =
    (left.getUTCFullYear() - right.getUTCFullYear()) * 12 + left.getUTCMonth() - right.getUTCMonth()
  return add(right, count, 'month') > left ? count - 1 : count
}

function add(date: Date, count: number, unit: string): Date {
  const ms = unitMs.get(unit)
  if (ms !== undefined) return toDate(new Date(date.getTime() + count * ms))
  const months = unitMonths.get(unit)
  if (months === undefined) throw cellError
  const sum = new Date(date)
  sum.setUTCDate(1)
  sum.setUTCMonth(sum.getUTCMonth() + count * months)
  const lastDay = new Date(Date.UTC(sum.getUTCFullYear(), sum.getUTCMonth() + 1, 0)).getUTCDate()
  sum.setUTCDate(Math.min(date.getUTCDate(), lastDay))
  return toDate(sum)
}

function isSame(left: Value, right: Value, unit: string): boolean {
  const [a, b] = [toDate(left), toDate(right)]
  if (unitMonths.has(unit)) {
    const months = unitMonths.get(unit) ?? 1
    const month = (date: Date) => Math.floor((date.getUTCFullYear() * 12 + date.getUTCMonth()) / months)
    return month(a) === month(b)
  }
  const ms = unitMs.get(unit)
  if (ms === undefined) throw cellError
  return Math.floor(a.getTime() / ms) === Math.floor(b.getTime() / ms)
}
