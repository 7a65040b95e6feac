import type { KeyObject } from 'node:crypto'
import { getHeader, type SignatureHeaders } from './headers.ts'
import { hmac, isAnyEqual, toMac } from './mac.ts'
import { refuse } from './refuse.ts'

/** Throws unless `x-signature` is the hex HMAC-SHA256 of the bytes, bare or behind `sha256=`. */
export function verifyPlain(bytes: Uint8Array, headers: SignatureHeaders, keys: readonly KeyObject[]): void {
  const claimed = toMac(getHeader(headers, 'x-signature').replace(/^sha256=/, ''))
  if (!claimed) refuse('x-signature is not a SHA-256 in hex')
  const expected = keys.map((key) => hmac(key, bytes))
  if (!isAnyEqual([claimed], expected)) refuse('x-signature matches no secret')
}

/** The value of `x-signature`. */
export function signPlain(bytes: Uint8Array, key: KeyObject): string {
  return `sha256=${hmac(key, bytes).toString('hex')}`
}
