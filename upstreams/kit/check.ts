import { isDeepStrictEqual } from 'node:util'

/** One promise that an adapter keeps, or an error that says which one it breaks. */
export interface Check {
  name: string
  run: () => Promise<void>
}

export class BrokenPromise extends Error {
  constructor(sentence: string, cause?: unknown) {
    super(sentence, { cause })
    this.name = 'BrokenPromise'
  }
}

export function demand(holds: unknown, sentence: string): asserts holds {
  if (!holds) throw new BrokenPromise(sentence)
}

export function demandSame(actual: unknown, expected: unknown, sentence: string): void {
  if (isDeepStrictEqual(actual, expected)) return
  throw new BrokenPromise(`${sentence}\n  expected ${show(expected)}\n  but got  ${show(actual)}`)
}

/** The error that it is refused with: one with this code, and nothing else. */
export async function demandRefusal(act: () => unknown, code: string, what: string): Promise<Error> {
  let answer: unknown
  try {
    answer = await act()
  } catch (error) {
    if (error instanceof Error && codeOf(error) === code) return error
    throw new BrokenPromise(`${what}: it should throw ${code}, and threw ${String(error)}.`, error)
  }
  throw new BrokenPromise(`${what}: it should throw ${code}, and answered ${show(answer)}.`)
}

/** By its code: whoever throws may have another copy of the class. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 600 ? `${text.slice(0, 600)}...` : text
}

/** The same checks, with the capability in front of their names. */
export function prefix(what: string, checks: readonly Check[]): Check[] {
  return checks.map(({ name, run }) => ({ name: `${what}: ${name}`, run }))
}
