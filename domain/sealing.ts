import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

type Purpose = 'signing-keys' | 'refresh-tokens' | 'accounts' | 'devices' | 'feeds'

/** A key of its own for each purpose, derived from FIRSTLOGIN_SECRET (HKDF-SHA256). */
export function deriveKey(secret: string, purpose: Purpose): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `firstlogin:${purpose}`, 32))
}

/** AES-256-GCM: 12 bytes nonce, 16 bytes tag, ciphertext. `context` must be the same to open it again. */
export function seal(key: Buffer, context: string, text: string): Buffer {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context))
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed])
}

/** Throws when the key is another one or the bytes were changed. */
export function unseal(key: Buffer, context: string, sealed: Buffer): string {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12), { authTagLength: 16 })
  decipher.setAAD(Buffer.from(context)).setAuthTag(sealed.subarray(12, 28))
  return Buffer.concat([decipher.update(sealed.subarray(28)), decipher.final()]).toString('utf8')
}
