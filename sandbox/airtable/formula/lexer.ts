import { malformed } from './formula-error.ts'

export type Token =
  | { kind: 'text'; value: string }
  | { kind: 'number'; value: number }
  | { kind: 'field'; value: string }
  | { kind: 'name'; value: string }
  | { kind: 'sign'; value: string }
  | { kind: 'end' }

const space = /\s+/y
const number = /\d+(?:\.\d+)?|\.\d+/y
const name = /[\p{L}_][\p{L}\p{N}_]*/uy
const sign = /!=|<=|>=|[=<>&+\-*/(),]/y

const controlEscapes: Record<string, string> = { n: '\n', r: '\r', t: '\t' }

/** Cuts a formula into tokens; the last one is always `end`. */
export function tokenize(formula: string): Token[] {
  const tokens: Token[] = []
  let at = 0

  function take(pattern: RegExp): string | undefined {
    pattern.lastIndex = at
    const found = pattern.exec(formula)?.[0]
    if (found !== undefined) at += found.length
    return found
  }

  /** Everything up to the closing mark; a backslash makes the next character an ordinary one. */
  function takeUntil(close: string, escapes: Record<string, string>): string {
    let value = ''
    for (at += 1; at < formula.length; at += 1) {
      const character = formula.charAt(at)
      if (character === close) {
        at += 1
        return value
      }
      if (character === '\\' && at + 1 < formula.length) {
        at += 1
        const escaped = formula.charAt(at)
        value += escapes[escaped] ?? escaped
      } else {
        value += character
      }
    }
    throw malformed()
  }

  function next(): Token {
    const character = formula.charAt(at)
    if (character === '"' || character === "'") {
      return { kind: 'text', value: takeUntil(character, controlEscapes) }
    }
    if (character === '{') return { kind: 'field', value: takeUntil('}', {}) }
    const digits = take(number)
    if (digits !== undefined) return { kind: 'number', value: Number(digits) }
    const word = take(name)
    if (word !== undefined) return { kind: 'name', value: word }
    const mark = take(sign)
    if (mark !== undefined) return { kind: 'sign', value: mark }
    throw malformed()
  }

  while (true) {
    take(space)
    if (at >= formula.length) break
    tokens.push(next())
  }
  tokens.push({ kind: 'end' })
  return tokens
}
