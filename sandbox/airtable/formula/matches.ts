import type { Evaluator, Row } from './evaluator.ts'
import { CellError, isTruthy } from './value.ts'

/** Whether a filter keeps the row; one that comes out as #ERROR drops it. */
export function matches(filter: Evaluator, row: Row): boolean {
  try {
    return isTruthy(filter(row))
  } catch (error) {
    if (error instanceof CellError) return false
    throw error
  }
}
