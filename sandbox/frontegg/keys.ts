import { generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto'

export interface SigningKeys {
  /** A JWT by the newest key. Whatever is undefined in the claims is not in it. */
  sign(claims: object, header?: object): string
  jwks(): { keys: object[] }
  /** The newest key as `configurations/v1` has it. */
  pem(): string
  /** From now on a new key signs. The old one stays published unless it is withdrawn. */
  rotate(options?: { isWithdrawn?: boolean }): void
}

interface Pair {
  kid: string
  publicKey: KeyObject
  privateKey: KeyObject
}

/** RS256 keys, made when the first one is needed. */
export function createSigningKeys(): SigningKeys {
  let pairs: Pair[] = []

  function newest(): Pair {
    const [first] = pairs
    if (first) return first
    const made = createPair()
    pairs = [made]
    return made
  }

  return {
    sign(claims, header = {}) {
      const { kid, privateKey } = newest()
      const text = [{ alg: 'RS256', typ: 'JWT', kid, ...header }, claims].map(toPart).join('.')
      return `${text}.${sign('RSA-SHA256', Buffer.from(text), privateKey).toString('base64url')}`
    },
    jwks() {
      newest()
      return {
        keys: pairs.map(({ kid, publicKey }) => {
          return { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' }
        }),
      }
    },
    pem: () => String(newest().publicKey.export({ type: 'spki', format: 'pem' })),
    rotate({ isWithdrawn = false } = {}) {
      pairs = [createPair(), ...(isWithdrawn ? [] : pairs)]
    },
  }
}

export function toPart(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function createPair(): Pair {
  return { kid: randomUUID(), ...generateKeyPairSync('rsa', { modulusLength: 2048 }) }
}
