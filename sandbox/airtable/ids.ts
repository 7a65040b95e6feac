import { randomInt } from 'node:crypto'

const alphanumerics = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** A three-letter prefix and 14 alphanumerics, as every id of Airtable. */
export function createId(prefix: 'rec' | 'itr' | 'ach'): string {
  let id: string = prefix
  for (let i = 0; i < 14; i += 1) id += alphanumerics.charAt(randomInt(alphanumerics.length))
  return id
}

export function isId(prefix: 'rec' | 'itr' | 'app' | 'tbl', text: string): boolean {
  return text.startsWith(prefix) && /^[A-Za-z0-9]{14}$/.test(text.slice(3))
}
