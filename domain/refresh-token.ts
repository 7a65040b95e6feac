import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/**
 * A refresh token: 16 bytes session id, 4 bytes generation, 32 bytes secret, 16 bytes seal, in base64url. The seal
 * proves that we issued it, so that a made-up token for somebody's session is never taken for a stolen one.
 */
export interface RefreshToken {
  sessionId: string
  generation: number
  secret: Buffer
}

const bytes = 16 + 4 + 32 + 16
const form = new RegExp(`^[\\w-]{${Math.ceil((bytes * 4) / 3)}}$`)

export function createRefreshToken(sessionId: string): RefreshToken {
  return { sessionId, generation: 0, secret: randomBytes(32) }
}

/**
 * The one successor that a token can have. It is derived, not stored: whoever presents the same token again
 * within the grace gets the same answer, and the database only ever holds hashes.
 */
export function nextRefreshToken(key: Buffer, token: RefreshToken): RefreshToken {
  const generation = token.generation + 1
  const secret = createHmac('sha256', key)
    .update('next')
    .update(body({ ...token, generation }))
    .digest()
  return { sessionId: token.sessionId, generation, secret }
}

export function encodeRefreshToken(key: Buffer, token: RefreshToken): string {
  return Buffer.concat([body(token), seal(key, token)]).toString('base64url')
}

/** Undefined for everything that we did not issue. */
export function decodeRefreshToken(key: Buffer, text: string): RefreshToken | undefined {
  if (!form.test(text)) return undefined
  const raw = Buffer.from(text, 'base64url')
  // The last character has two bits to spare: only the one spelling that we issued counts.
  if (raw.length !== bytes || raw.toString('base64url') !== text) return undefined
  const id = raw.toString('hex', 0, 16)
  const token: RefreshToken = {
    sessionId: id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
    generation: raw.readUInt32BE(16),
    secret: raw.subarray(20, 52),
  }
  return timingSafeEqual(seal(key, token), raw.subarray(52)) ? token : undefined
}

/** What the database keeps of a token. */
export function hashRefreshToken(token: RefreshToken): Buffer {
  return createHash('sha256').update(body(token)).digest()
}

function body(token: RefreshToken): Buffer {
  const generation = Buffer.alloc(4)
  generation.writeUInt32BE(token.generation)
  return Buffer.concat([Buffer.from(token.sessionId.replaceAll('-', ''), 'hex'), generation, token.secret])
}

function seal(key: Buffer, token: RefreshToken): Buffer {
  return createHmac('sha256', key).update('seal').update(body(token)).digest().subarray(0, 16)
}
