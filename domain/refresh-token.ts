import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { KeyRing } from './sealing.ts'

/**
 * A refresh token: 16 bytes session id, 4 bytes generation, 32 bytes seed, 16 bytes seal, in base64url. The seed belongs
 * to the session; the seal is a MAC over all of it, so that only this service can make the token of another generation.
 */
export interface RefreshToken {
  sessionId: string
  generation: number
  seed: Buffer
}

const bytes = 16 + 4 + 32 + 16
const form = new RegExp(`^[\\w-]{${Math.ceil((bytes * 4) / 3)}}$`)

export function createRefreshToken(sessionId: string): RefreshToken {
  return { sessionId, generation: 0, seed: randomBytes(32) }
}

/**
 * The token of a later generation of the same session: derived, not stored. Any earlier token leads to the token in force,
 * under whichever secret either was issued, and the database only ever holds hashes.
 */
export function toGeneration(token: RefreshToken, generation: number): RefreshToken {
  return { ...token, generation }
}

export function encodeRefreshToken({ current }: KeyRing, token: RefreshToken): string {
  return Buffer.concat([body(token), seal(current, token)]).toString('base64url')
}

/** Undefined for everything that was issued under none of the keys. */
export function decodeRefreshToken({ all }: KeyRing, text: string): RefreshToken | undefined {
  if (!form.test(text)) return undefined
  const raw = Buffer.from(text, 'base64url')
  // The last character has two bits to spare: only the one spelling that was issued counts.
  if (raw.length !== bytes || raw.toString('base64url') !== text) return undefined
  const id = raw.toString('hex', 0, 16)
  const token: RefreshToken = {
    sessionId: id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
    generation: raw.readUInt32BE(16),
    seed: raw.subarray(20, 52),
  }
  return all.some((key) => timingSafeEqual(seal(key, token), raw.subarray(52))) ? token : undefined
}

/** What the database keeps of a token. */
export function hashRefreshToken(token: RefreshToken): Buffer {
  return createHash('sha256').update(body(token)).digest()
}

function body(token: RefreshToken): Buffer {
  const generation = Buffer.alloc(4)
  generation.writeUInt32BE(token.generation)
  return Buffer.concat([Buffer.from(token.sessionId.replaceAll('-', ''), 'hex'), generation, token.seed])
}

function seal(key: Buffer, token: RefreshToken): Buffer {
  return createHmac('sha256', key).update('seal').update(body(token)).digest().subarray(0, 16)
}
