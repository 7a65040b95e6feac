/** The same text for equal values: what comes from the database has its keys in an order of its own. */
export function toCanonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}

/** How deep JSON from outside may be nested; deeper takes a multiple of its size in memory. */
export const maxDepth = 64

/**
 * A JSON object from outside as Postgres can keep it, without keys that reach a prototype. Undefined for what is no object, or
 * is nested deeper than 64 levels, or has a text with a NUL or half of a surrogate pair.
 */
export function toStorableObject(value: unknown): object | undefined {
  if (!isObject(value) || Array.isArray(value) || !isStorable(value, 1)) return undefined
  return withoutPrototypes(value) as object
}

function isStorable(value: unknown, depth: number): boolean {
  if (typeof value === 'string') return value.isWellFormed() && !value.includes('\0')
  if (!isObject(value)) return true
  if (depth > maxDepth) return false
  return Object.entries(value).every(([key, part]) => isStorable(key, depth) && isStorable(part, depth + 1))
}

/** The keys that Fastify's parser drops, too. */
function withoutPrototypes(value: unknown): unknown {
  if (!isObject(value)) return value
  if (Array.isArray(value)) return value.map(withoutPrototypes)
  const isHarmless = ([key, part]: [string, unknown]) =>
    key !== '__proto__' && !(key === 'constructor' && isObject(part) && Object.hasOwn(part, 'prototype'))
  const kept = Object.entries(value).filter(isHarmless)
  return Object.fromEntries(kept.map(([key, part]) => [key, withoutPrototypes(part)]))
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
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
