import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto'
import fp from 'fastify-plugin'
import { ensureSigningKeys, listSigningKeys, type NewKey, type StoredKey } from '../db/signing-keys.ts'
import { createKeyRing, type KeyRing, type Secrets, seal, unseal } from '../domain/sealing.ts'
import { toLoggable } from '../errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    keys: Keys
  }
}

export interface SigningKey {
  kid: string
  /** PEM, as @fastify/jwt wants them. */
  privateKey: string
  publicKey: string
  publicJwk: Record<string, string>
}

/** The Ed25519 keys that sign access tokens: sealed in Postgres, the same on every instance. */
export interface Keys {
  readonly current: SigningKey
  /** Current, next and previous: what a verifier has to know. */
  readonly all: ReadonlyMap<string, SigningKey>
}

export interface KeysOptions {
  /** One secret, or several of which the first encrypts and all decrypt. */
  secret: Secrets
}

export default fp<KeysOptions>(
  async function keysPlugin(app, { secret }) {
    const sealing = createKeyRing(secret, 'signing-keys')
    const verify = (stored: readonly StoredKey[]) => verifySealedKeys(sealing, stored)
    let ring = open(await ensureSigningKeys(app.sql, verify, () => createSealedKey(sealing)))

    function open(stored: StoredKey[]): Keys {
      const keys = stored.map((key) => ({ ...openKey(sealing, key), state: key.state }))
      const current = keys.find((key) => key.state === 'current')
      if (!current) throw new Error('There is no current signing key.')
      return { current, all: new Map(keys.map((key) => [key.kid, key])) }
    }

    let reloads = 0
    async function reload(): Promise<void> {
      const turn = ++reloads
      try {
        const stored = await listSigningKeys(app.sql)
        // Of two that overlap, the one that began last knows better.
        if (turn === reloads) ring = open(stored)
      } catch (error) {
        app.log.error({ event: 'keys.unreadable', err: toLoggable(error) })
      }
    }

    app.notices.subscribe((notice) => {
      // Once the line is back; while it is down there is nothing to read either.
      if (notice ? 'keys' in notice : app.notices.isLive) void reload()
    })

    app.decorate('keys', {
      get current() {
        return ring.current
      },
      get all() {
        return ring.all
      },
    } satisfies Keys)
  },
  { name: 'firstlogin-keys', fastify: '5.x', dependencies: ['firstlogin-db', 'firstlogin-notices'] },
)

/** A new Ed25519 pair, ready to be stored; its kid is the RFC 7638 thumbprint of the public key. */
export function createSealedKey(sealing: KeyRing): NewKey {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const { x = '' } = publicKey.export({ format: 'jwk' })
  const kid = createHash('sha256').update(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).digest('base64url')
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  return {
    kid,
    publicJwk: { kty: 'OKP', crv: 'Ed25519', x, kid, alg: 'EdDSA', use: 'sig' },
    sealedPrivateKey: seal(sealing, kid, pem),
  }
}

/** Throws when one of the keys was sealed under none of the secrets. */
export function verifySealedKeys(sealing: KeyRing, stored: readonly StoredKey[]): void {
  for (const key of stored) openPrivateKey(sealing, key)
}

function openPrivateKey(sealing: KeyRing, { kid, sealedPrivateKey }: StoredKey): string {
  try {
    return unseal(sealing, kid, sealedPrivateKey)
  } catch (cause) {
    throw new Error(
      'FIRSTLOGIN_SECRET is not the one that the signing keys in this database were sealed with.',
      { cause },
    )
  }
}

function openKey(sealing: KeyRing, key: StoredKey): SigningKey {
  const { kid, publicJwk } = key
  const privateKey = openPrivateKey(sealing, key)
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString()
  return { kid, privateKey, publicKey, publicJwk }
}
