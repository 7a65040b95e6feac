import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/**
 * A device cookie (OWASP, "Slow Down Online Guessing Attacks with Device Cookies"): a random id and a seal that proves
 * that we issued it. It opens nothing; which accounts it is recognized for is in the database.
 */
export function encodeDeviceToken(key: Buffer, id: string): string {
  return `${id}.${seal(key, id).toString('base64url')}`
}

export function createDeviceId(): string {
  return randomBytes(16).toString('base64url')
}

/** The device's id; undefined for a token that was not made under one of these keys. */
export function readDeviceToken(keys: readonly Buffer[], token: string): string | undefined {
  const [, id, mac] = /^([\w-]{22})\.([\w-]{43})$/.exec(token) ?? []
  if (id === undefined || mac === undefined) return undefined
  const sealed = Buffer.from(mac, 'base64url')
  return keys.some((key) => timingSafeEqual(seal(key, id), sealed)) ? id : undefined
}

function seal(key: Buffer, id: string): Buffer {
  return createHmac('sha256', key).update(`device ${id}`).digest()
}
