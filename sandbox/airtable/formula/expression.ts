export type Operator = '&' | '=' | '!=' | '<' | '<=' | '>' | '>=' | '+' | '-' | '*' | '/'

export type Expression =
  | { kind: 'literal'; value: string | number }
  | { kind: 'field'; name: string }
  | { kind: 'call'; name: string; args: readonly Expression[] }
  | { kind: 'negate'; operand: Expression }
  /** Operators of one rank, applied from the left. Flat, so that a long sum is not a deep tree. */
  | { kind: 'chain'; first: Expression; rest: readonly { operator: Operator; operand: Expression }[] }
