/**
 * How lists are written for PostgreSQL. The library would ask the database for that on every new connection, and a failure
 * of that question ends the process: it is not asked (`fetch_types: false`) and knows these instead.
 */
export const arrayTypes = {
  texts: { to: 1009, from: [], serialize: toLiteral, parse: (text: string) => text },
  uuids: { to: 2951, from: [], serialize: toLiteral, parse: (text: string) => text },
}

function toLiteral(list: unknown): unknown {
  if (!Array.isArray(list)) return list
  const items = list.map((item) =>
    item === null ? 'null' : `"${String(item).replaceAll(/[\\"]/g, '\\$&')}"`,
  )
  return `{${items.join(',')}}`
}
