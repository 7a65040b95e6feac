/** The same text for equal values: what comes from the database has its keys in an order of its own. */
export function toCanonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}

/** Whether arrays and objects in a JSON text are nested deeper than this. Builds nothing. */
export function isDeeperThan(limit: number, text: string): boolean {
  let depth = 0
  let isInText = false
  for (let at = 0; at < text.length; at += 1) {
    const c = text[at]
    if (isInText) {
      if (c === '\\') at += 1
      else if (c === '"') isInText = false
    } else if (c === '"') isInText = true
    else if (c === '[' || c === '{') {
      depth += 1
      if (depth > limit) return true
    } else if (c === ']' || c === '}') depth -= 1
  }
  return false
}
