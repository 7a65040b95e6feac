/** The body as what it should be, or undefined. */
export function readAnswer<T>(check: { Check(value: unknown): value is T }, body: string): T | undefined {
  const answer = parseJson(body)
  return check.Check(answer) ? answer : undefined
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}
