import type { Operator } from './expression.ts'
import { cellError, compare, isEqual, toNumber, toText, type Value } from './value.ts'

export const operators: Record<Operator, (left: Value, right: Value) => Value> = {
  '=': isEqual,
  '!=': (left, right) => !isEqual(left, right),
  '<': (left, right) => compare(left, right) < 0,
  '<=': (left, right) => compare(left, right) <= 0,
  '>': (left, right) => compare(left, right) > 0,
  '>=': (left, right) => compare(left, right) >= 0,
  '&': (left, right) => toText(left) + toText(right),
  '+': (left, right) => toNumber(left) + toNumber(right),
  '-': (left, right) => toNumber(left) - toNumber(right),
  '*': (left, right) => toNumber(left) * toNumber(right),
  '/': divide,
}

function divide(left: Value, right: Value): number {
  const divisor = toNumber(right)
  if (divisor === 0) throw cellError
  return toNumber(left) / divisor
}
