/** The formula itself is wrong: the request is refused, with this reason. */
export class FormulaError extends Error {}

export const invalidFormulaText = 'Invalid formula. Please check your formula text.'

export function malformed(): FormulaError {
  return new FormulaError(invalidFormulaText)
}
