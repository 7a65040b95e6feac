import { type KeyObject, sign, verify } from 'node:crypto'
import { getHeader, type SignatureHeaders } from './headers.ts'
import { hmac, isAnyEqual } from './mac.ts'
import { refuse } from './refuse.ts'

/** What the headers are called; everything else is the same for both. */
export type HeaderFamily = 'webhook' | 'svix'

/** What a message proved beside its bytes: its id, equal on every attempt, and the time of this attempt. */
export interface MessageProof {
  messageId: string
  /** Milliseconds since 1970. */
  sentAt: number
}

// The longest lists come from rotations, with two or three entries; each costs a comparison or a curve operation.
const mostSignatures = 16
const mostCharacters = 256
// No dots: id.timestamp.body must have one reading. No spaces or commas: Node joins a repeated header by them.
const idForm = /^[\x21-\x2b\x2d\x2f-\x7e]+$/
const timestampForm = /^[1-9]\d{0,11}$/
const signatureForm = /^(?<version>v\w{1,8}),(?<base64>[A-Za-z0-9+/]+={0,2})$/

/**
 * Throws unless a signature of Standard Webhooks 1.0.0 fits: `v1` (HMAC-SHA256) under a secret key, `v1a` (ed25519)
 * under a public key, of a message sent at most `toleranceS` before or after `now` (milliseconds since 1970).
 */
export function verifyStandard(
  bytes: Uint8Array,
  headers: SignatureHeaders,
  keys: readonly KeyObject[],
  check: { family: HeaderFamily; now: number; toleranceS: number },
): MessageProof {
  const { family } = check
  const id = getHeader(headers, `${family}-id`)
  const timestamp = getHeader(headers, `${family}-timestamp`)
  const listed = getHeader(headers, `${family}-signature`)

  if (id.length > mostCharacters || !idForm.test(id)) refuse(`${family}-id is malformed`)
  if (!timestampForm.test(timestamp)) refuse(`${family}-timestamp is not Unix seconds`)
  const driftS = Math.abs(Math.floor(check.now / 1000) - Number(timestamp))
  // Written so that a broken clock (NaN) refuses.
  if (!(driftS <= check.toleranceS)) refuse(`${family}-timestamp is outside the tolerance`)

  const signatures = toSignatures(listed) ?? refuse(`${family}-signature is malformed`)
  const head = `${id}.${timestamp}.`
  if (!isSigned(head, bytes, signatures, keys)) refuse(`${family}-signature matches no secret`)
  return { messageId: id, sentAt: Number(timestamp) * 1000 }
}

/** The three headers of a message: `v1` by a secret key, `v1a` by a private one. `at` is in milliseconds. */
export function signStandard(
  bytes: Uint8Array,
  key: KeyObject,
  message: { id: string; at: number; family?: HeaderFamily },
): Record<string, string> {
  const { id, family = 'webhook' } = message
  const timestamp = `${Math.floor(message.at / 1000)}`
  const head = `${id}.${timestamp}.`
  const signature =
    key.type === 'secret' ? `v1,${hmac(key, head, bytes).toString('base64')}` : `v1a,${signCurve(key)}`
  return {
    [`${family}-id`]: id,
    [`${family}-timestamp`]: timestamp,
    [`${family}-signature`]: signature,
  }

  function signCurve(privateKey: KeyObject): string {
    return sign(null, Buffer.concat([Buffer.from(head), bytes]), privateKey).toString('base64')
  }
}

interface Signatures {
  v1: Buffer[]
  v1a: Buffer[]
}

/** The entries of the versions we know; others are for others. Undefined if the list is not one. */
function toSignatures(listed: string): Signatures | undefined {
  const signatures: Signatures = { v1: [], v1a: [] }
  // Supabase Auth writes ", " where the specification has a space.
  const entries = listed.split(/,? /, mostSignatures + 1)
  if (entries.length > mostSignatures) return undefined
  for (const entry of entries) {
    const { version, base64 = '' } = signatureForm.exec(entry)?.groups ?? {}
    if (version === undefined) return undefined
    const bytes = Buffer.from(base64, 'base64')
    if (bytes.toString('base64') !== base64) continue
    if (version === 'v1' && bytes.length === 32) signatures.v1.push(bytes)
    if (version === 'v1a' && bytes.length === 64) signatures.v1a.push(bytes)
  }
  return signatures
}

function isSigned(
  head: string,
  bytes: Uint8Array,
  signatures: Signatures,
  keys: readonly KeyObject[],
): boolean {
  const macs = keys.filter((key) => key.type === 'secret').map((key) => hmac(key, head, bytes))
  if (isAnyEqual(signatures.v1, macs)) return true
  if (signatures.v1a.length === 0) return false
  const message = Buffer.concat([Buffer.from(head), bytes])
  const publicKeys = keys.filter((key) => key.type === 'public')
  return publicKeys.some((key) => signatures.v1a.some((signature) => verify(null, message, key, signature)))
}
