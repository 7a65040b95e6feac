import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto'

/** HMAC-SHA256 over the parts as if they were one. */
export function hmac(key: KeyObject, ...parts: readonly (string | Uint8Array)[]): Buffer {
  const mac = createHmac('sha256', key)
  for (const part of parts) mac.update(part)
  return mac.digest()
}

/** Whether any claimed MAC is any expected one; compares every pair, so that the time tells nothing. */
export function isAnyEqual(claimed: readonly Buffer[], expected: readonly Buffer[]): boolean {
  let equal = false
  for (const claim of claimed) {
    for (const mac of expected) {
      if (claim.length === mac.length && timingSafeEqual(claim, mac)) equal = true
    }
  }
  return equal
}

/** The bytes of a lower-case SHA-256 in hex, or undefined. */
export function toMac(hex: string): Buffer | undefined {
  return /^[0-9a-f]{64}$/.test(hex) ? Buffer.from(hex, 'hex') : undefined
}
