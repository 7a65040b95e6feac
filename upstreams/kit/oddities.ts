/** Nested until it hurts those who walk through it one call at a time. */
function nest(depth: number): unknown {
  return JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`)
}

/** What may stand where something else was expected. All of it is JSON. */
export const oddValues: readonly unknown[] = [
  null,
  true,
  -1,
  0.5,
  1e300,
  '',
  ' ',
  'no\0where',
  'half a \ud800',
  "'); drop table users; --",
  '../..',
  'x'.repeat(100_000),
  [],
  [null],
  {},
  nest(1000),
  JSON.parse('{"__proto__":{"isAdmin":true},"constructor":{"prototype":{"isAdmin":true}}}'),
]

/** Copies of a value of JSON, each with something odd in one place; `most` of them, from all over. */
export function oddCopies(value: unknown, most: number): unknown[] {
  const places = placesIn(value, 4)
  const total = places.length * oddValues.length
  const step = Math.max(1, Math.ceil(total / most))
  // A step that their number divides would always meet the same oddity.
  const stride = step % oddValues.length === 0 ? step + 1 : step
  const copies: unknown[] = []
  for (let index = 0; index < total; index += stride) {
    const place = places[Math.floor(index / oddValues.length)]
    if (place) copies.push(replace(value, place, oddValues[index % oddValues.length]))
  }
  return copies
}

type Place = readonly string[]

function placesIn(value: unknown, depth: number): Place[] {
  if (typeof value !== 'object' || value === null || depth === 0) return []
  const entries = Object.entries(value).slice(0, Array.isArray(value) ? 1 : undefined)
  return entries.flatMap(([key, item]) => [[key], ...placesIn(item, depth - 1).map((rest) => [key, ...rest])])
}

function replace(value: unknown, [key, ...rest]: Place, odd: unknown): unknown {
  if (key === undefined || typeof value !== 'object' || value === null) return odd
  const replaced = replace(Reflect.get(value, key), rest, odd)
  if (Array.isArray(value)) return value.map((item: unknown, index) => (`${index}` === key ? replaced : item))
  return { ...value, [key]: replaced }
}
