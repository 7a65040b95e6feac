import type { KeyObject } from 'node:crypto'
import { getHeader, type SignatureHeaders } from './headers.ts'
import { hmac, isAnyEqual, toMac } from './mac.ts'
import { refuse } from './refuse.ts'

const header = 'x-airtable-content-mac'
const prefix = 'hmac-sha256='

/** Throws unless Airtable's content MAC fits. It covers no time: whoever replays is told apart by the body alone. */
export function verifyAirtable(
  bytes: Uint8Array,
  headers: SignatureHeaders,
  keys: readonly KeyObject[],
): void {
  const value = getHeader(headers, header)
  const claimed = value.startsWith(prefix) ? toMac(value.slice(prefix.length)) : undefined
  if (!claimed) refuse(`${header} is not a SHA-256 in hex`)
  const expected = keys.map((key) => hmac(key, bytes))
  if (!isAnyEqual([claimed], expected)) refuse(`${header} matches no secret`)
}

/** The value of `x-airtable-content-mac`. */
export function signAirtable(bytes: Uint8Array, key: KeyObject): string {
  return `${prefix}${hmac(key, bytes).toString('hex')}`
}
