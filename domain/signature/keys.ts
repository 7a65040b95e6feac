import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto'

// RFC 8410: the SubjectPublicKeyInfo that surrounds 32 raw bytes of an ed25519 key.
const ed25519Prefix = Buffer.from('302a300506032b6570032100', 'hex')

function createKey(bytes: Uint8Array): KeyObject {
  if (bytes.length === 0) throw new TypeError('A signing secret is empty.')
  return createSecretKey(bytes)
}

/** Canonical base64 only, its padding optional: Buffer.from would skip whatever it cannot read. */
function toBytes(base64: string): Buffer | undefined {
  const bytes = Buffer.from(base64, 'base64')
  const bare = (text: string) => text.replace(/={1,2}$/, '')
  return bare(bytes.toString('base64')) === bare(base64) ? bytes : undefined
}

/** A secret whose characters are the key. */
export function createTextKey(secret: string): KeyObject {
  return createKey(Buffer.from(secret, 'utf8'))
}

/** A secret whose base64 holds the key, as Airtable hands it out. */
export function createBase64Key(secret: string): KeyObject {
  return createKey(toBytes(secret) ?? fail('A signing secret is not base64.'))
}

/** A Standard Webhooks secret: `whsec_` and base64, or base64 alone, for HMAC; `whpk_` and base64 for ed25519. */
export function createStandardKey(secret: string): KeyObject {
  if (secret.startsWith('whsk_')) throw new TypeError('A private key signs: give its whpk_ half to verify.')
  if (!secret.startsWith('whpk_')) return createBase64Key(secret.replace(/^whsec_/, ''))
  const raw = toBytes(secret.slice('whpk_'.length))
  if (raw?.length !== 32) throw new TypeError('A whpk_ key is not 32 bytes in base64.')
  return createPublicKey({ key: Buffer.concat([ed25519Prefix, raw]), format: 'der', type: 'spki' })
}

/**
 * The Standard Webhooks keys that a sender may make of one shared secret. Written `whsec_...` there is one reading;
 * otherwise its characters are the key, and, where they could also be a `whsec_` without its prefix, that one too.
 */
export function createSharedStandardKeys(secret: string): readonly KeyObject[] {
  if (secret.startsWith('whsec_')) return [createStandardKey(secret)]
  const decoded = toBytes(secret)
  const shortestByStandard = 24
  const readings = [createTextKey(secret)]
  if (decoded && decoded.length >= shortestByStandard) readings.push(createKey(decoded))
  return readings
}

function fail(message: string): never {
  throw new TypeError(message)
}
