import type { Expression, Operator } from './expression.ts'
import { malformed } from './formula-error.ts'
import { type Token, tokenize } from './lexer.ts'

/** From the weakest binding to the strongest. */
const ranks: readonly (readonly Operator[])[] = [
  ['=', '!=', '<', '<=', '>', '>='],
  ['&'],
  ['+', '-'],
  ['*', '/'],
]

// Deeper than anybody writes by hand, and shallow enough for the stack of whoever walks the tree.
const deepest = 200

/** Turns a formula into its tree; throws FormulaError. */
export function parseFormula(formula: string): Expression {
  const tokens = tokenize(formula)
  let position = 0
  let depth = 0

  const peek = (): Token => tokens[position] ?? { kind: 'end' }

  function isSign(value: string): boolean {
    const token = peek()
    return token.kind === 'sign' && token.value === value
  }

  function takeSign(value: string): boolean {
    if (!isSign(value)) return false
    position += 1
    return true
  }

  function expectSign(value: string): void {
    if (!takeSign(value)) throw malformed()
  }

  function deeper(parse: () => Expression): Expression {
    depth += 1
    if (depth > deepest) throw malformed()
    const expression = parse()
    depth -= 1
    return expression
  }

  function chain(rank: number): Expression {
    const operators = ranks[rank]
    if (!operators) return unary()
    const first = chain(rank + 1)
    const rest: { operator: Operator; operand: Expression }[] = []
    while (true) {
      const operator = operators.find(takeSign)
      if (!operator) break
      rest.push({ operator, operand: chain(rank + 1) })
    }
    return rest.length === 0 ? first : { kind: 'chain', first, rest }
  }

  function unary(): Expression {
    if (takeSign('-')) return { kind: 'negate', operand: deeper(unary) }
    if (takeSign('+')) return deeper(unary)
    return primary()
  }

  function primary(): Expression {
    const token = peek()
    if (takeSign('(')) {
      const inner = deeper(() => chain(0))
      expectSign(')')
      return inner
    }
    position += 1
    if (token.kind === 'text' || token.kind === 'number') return { kind: 'literal', value: token.value }
    if (token.kind === 'field') return { kind: 'field', name: token.value }
    if (token.kind !== 'name') throw malformed()
    if (!takeSign('(')) return { kind: 'field', name: token.value }
    return { kind: 'call', name: token.value.toUpperCase(), args: callArguments() }
  }

  function callArguments(): Expression[] {
    const args: Expression[] = []
    if (takeSign(')')) return args
    do args.push(deeper(() => chain(0)))
    while (takeSign(','))
    expectSign(')')
    return args
  }

  const expression = chain(0)
  if (peek().kind !== 'end') throw malformed()
  return expression
}
