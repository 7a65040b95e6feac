import { blank, constant, type FormulaFunction, unary } from './evaluator.ts'
import { isTruthy } from './value.ts'

/** Those that need not look at every argument are built by hand. */
export const logicFunctions: Record<string, FormulaFunction> = {
  TRUE: constant(() => true),
  FALSE: constant(() => false),
  BLANK: constant(() => null),
  NOT: unary((value) => !isTruthy(value)),
  AND: {
    least: 1,
    most: Number.POSITIVE_INFINITY,
    build: (args) => (row) => args.every((arg) => isTruthy(arg(row))),
  },
  OR: {
    least: 1,
    most: Number.POSITIVE_INFINITY,
    build: (args) => (row) => args.some((arg) => isTruthy(arg(row))),
  },
  XOR: {
    least: 1,
    most: Number.POSITIVE_INFINITY,
    build: (args) => (row) => args.filter((arg) => isTruthy(arg(row))).length % 2 === 1,
  },
  IF: {
    least: 2,
    most: 3,
    build:
      ([condition = blank, then = blank, otherwise = blank]) =>
      (row) =>
        isTruthy(condition(row)) ? then(row) : otherwise(row),
  },
}
