import { dateFunctions } from './date-functions.ts'
import type { Evaluator } from './evaluator.ts'
import type { Expression } from './expression.ts'
import { FormulaError, malformed } from './formula-error.ts'
import { logicFunctions } from './logic-functions.ts'
import { operators } from './operators.ts'
import { parseFormula } from './parser.ts'
import { textFunctions } from './text-functions.ts'
import { toNumber } from './value.ts'

const functions = new Map(Object.entries({ ...logicFunctions, ...textFunctions, ...dateFunctions }))

export type FormulaContext = {
  /** The id of the column that has this name or id. */
  findField: (nameOrId: string) => string | undefined
  now: () => Date
}

/** Reads a formula once, for any number of rows; throws FormulaError. */
export function compileFormula(formula: string, context: FormulaContext): Evaluator {
  const unknown = new Set<string>()

  function fieldId(name: string): string {
    const id = context.findField(name)
    if (id === undefined) unknown.add(name)
    return id ?? ''
  }

  function compile(expression: Expression): Evaluator {
    switch (expression.kind) {
      case 'literal': {
        const { value } = expression
        return () => value
      }
      case 'field': {
        const id = fieldId(expression.name)
        return (row) => row.cell(id)
      }
      case 'negate': {
        const operand = compile(expression.operand)
        return (row) => -toNumber(operand(row))
      }
      case 'chain':
        return compileChain(expression)
      case 'call':
        return compileCall(expression.name, expression.args)
    }
  }

  function compileChain({ first, rest }: Extract<Expression, { kind: 'chain' }>): Evaluator {
    const start = compile(first)
    const steps = rest.map(({ operator, operand }) => ({
      apply: operators[operator],
      operand: compile(operand),
    }))
    return (row) => steps.reduce((value, { apply, operand }) => apply(value, operand(row)), start(row))
  }

  function compileCall(name: string, args: readonly Expression[]): Evaluator {
    if (name === 'RECORD_ID' && args.length === 0) return (row) => row.id
    if (name === 'CREATED_TIME' && args.length === 0) return (row) => row.createdAt
    if (name === 'LAST_MODIFIED_TIME') return compileLastModified(args)
    const found = functions.get(name)
    if (!found || args.length < found.least || args.length > found.most) throw malformed()
    return found.build(args.map(compile), context.now)
  }

  function compileLastModified(args: readonly Expression[]): Evaluator {
    const ids = args.map((arg) => {
      if (arg.kind !== 'field') throw malformed()
      return fieldId(arg.name)
    })
    return (row) => row.modifiedAt(ids.length > 0 ? ids : undefined)
  }

  const evaluator = compile(parseFormula(formula))
  if (unknown.size > 0) throw new FormulaError(`Unknown field names: ${[...unknown].join(', ')}`)
  return evaluator
}
