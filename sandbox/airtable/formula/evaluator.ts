import type { Value } from './value.ts'

/** What a formula can ask of a record. */
export type Row = {
  id: string
  createdAt: Date
  cell(fieldId: string): Value
  /** Of the named columns, or of all that a user can edit. */
  modifiedAt(fieldIds?: readonly string[]): Date | null
}

/** An expression made ready: works out its value for one row; throws CellError for #ERROR. */
export type Evaluator = (row: Row) => Value

export const blank: Evaluator = () => null

/** A function of formulas: takes at least and at most so many arguments, and joins their evaluators into one. */
export type FormulaFunction = {
  least: number
  most: number
  build: (args: readonly Evaluator[], now: () => Date) => Evaluator
}

export function variadic(
  least: number,
  reckon: (values: Value[], now: () => Date) => Value,
  most = Number.POSITIVE_INFINITY,
): FormulaFunction {
  return {
    least,
    most,
    build: (args, now) => (row) =>
      reckon(
        args.map((arg) => arg(row)),
        now,
      ),
  }
}

export function constant(reckon: (now: () => Date) => Value): FormulaFunction {
  return { least: 0, most: 0, build: (_args, now) => () => reckon(now) }
}

export function unary(reckon: (value: Value) => Value): FormulaFunction {
  return {
    least: 1,
    most: 1,
    build:
      ([arg = blank]) =>
      (row) =>
        reckon(arg(row)),
  }
}

export function binary(reckon: (left: Value, right: Value) => Value): FormulaFunction {
  return {
    least: 2,
    most: 2,
    build:
      ([left = blank, right = blank]) =>
      (row) =>
        reckon(left(row), right(row)),
  }
}
