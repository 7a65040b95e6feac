import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

type Purpose = 'signing-keys' | 'refresh-tokens' | 'accounts' | 'devices' | 'feeds'

/** FIRSTLOGIN_SECRET: one secret, or several of which the first is the newest. */
export type Secrets = string | readonly string[]

/** The keys of one purpose, one for each secret. */
export interface KeyRing {
  /** Encrypts and signs. */
  readonly current: Buffer
  /** Decrypt and verify; the first one is `current`. */
  readonly all: readonly Buffer[]
}

/** A key of its own for each purpose, derived from one secret (HKDF-SHA256). */
export function deriveKey(secret: string, purpose: Purpose): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `firstlogin:${purpose}`, 32))
}

/** Throws when there is no secret. */
export function createKeyRing(secrets: Secrets, purpose: Purpose): KeyRing {
  const all = [secrets].flat().map((secret) => deriveKey(secret, purpose))
  const [current] = all
  if (!current) throw new Error('There is no FIRSTLOGIN_SECRET.')
  return { current, all }
}

/** AES-256-GCM: 12 bytes nonce, 16 bytes tag, ciphertext. `context` must be the same to open it again. */
export function seal({ current }: KeyRing, context: string, text: string): Buffer {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', current, nonce).setAAD(Buffer.from(context))
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed])
}

/** Throws when it was sealed under none of the keys, or the bytes were changed. */
export function unseal({ all }: KeyRing, context: string, sealed: Buffer): string {
  let failure: unknown
  for (const key of all) {
    try {
      return open(key, context, sealed)
    } catch (error) {
      failure ??= error
    }
  }
  throw failure
}

/** Whether the key that encrypts now opens it. Throws as `unseal` does. */
export function isSealedByCurrent(ring: KeyRing, context: string, sealed: Buffer): boolean {
  try {
    open(ring.current, context, sealed)
    return true
  } catch {
    unseal(ring, context, sealed)
    return false
  }
}

function open(key: Buffer, context: string, sealed: Buffer): string {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12), { authTagLength: 16 })
  decipher.setAAD(Buffer.from(context)).setAuthTag(sealed.subarray(12, 28))
  return Buffer.concat([decipher.update(sealed.subarray(28)), decipher.final()]).toString('utf8')
}
