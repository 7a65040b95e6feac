import { generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { exportJWK, type JWK, SignJWT } from 'jose'
import { newId } from './blanks.ts'
import type { Store } from './store.ts'

export interface SessionTokenOptions {
  userId: string
  /** The active one. */
  organizationId?: string
  version?: 1 | 2
  /** In place of what would be said, or in addition; undefined leaves a claim out. */
  claims?: Record<string, unknown>
  header?: Record<string, unknown>
}

interface Key {
  kid: string
  privateKey: KeyObject
  jwk: JWK
}

export interface Tokens {
  jwks(): Promise<{ keys: JWK[] }>
  rotate(): Promise<void>
  sessionToken(options: SessionTokenOptions): Promise<string>
}

const lifetimeS = 60
const generateKeys = promisify(generateKeyPair)

/** Session tokens of both versions, signed by the one key that the instance has. */
export function createTokens(
  instanceId: string,
  issuer: () => string,
  store: Store,
  clock: () => number,
): Tokens {
  let current: Promise<Key> | undefined
  const key = () => {
    // Another one on every start: whoever kept the last one's public part under one name would refuse all tokens.
    current ??= createKey(newId('ins'))
    return current
  }

  return {
    jwks: async () => ({ keys: [(await key()).jwk] }),
    async rotate() {
      current = createKey(newId('ins'))
      await current
    },
    async sessionToken({ userId, organizationId, version = 2, claims, header }) {
      const { kid, privateKey } = await key()
      const iat = Math.floor(clock() / 1000)
      const payload = {
        azp: 'http://localhost:3000',
        exp: iat + lifetimeS,
        fva: [0, -1],
        iat,
        iss: issuer(),
        nbf: iat - 10,
        sid: newId('sess'),
        sub: userId,
        ...(version === 2 && { jti: newId('jti'), sts: 'active', v: 2 }),
        ...(organizationId !== undefined && describe(store, organizationId, userId, version)),
        ...claims,
      }
      return new SignJWT(payload)
        .setProtectedHeader({ alg: 'RS256', cat: 'cl_B7d4PD111AAA', kid, typ: 'JWT', ...header })
        .sign(privateKey)
    },
  }
}

async function createKey(kid: string): Promise<Key> {
  const { privateKey, publicKey } = await generateKeys('rsa', { modulusLength: 2048 })
  return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), use: 'sig', alg: 'RS256', kid } }
}

/** What a token says of the organization that is active. */
function describe(store: Store, id: string, userId: string, version: 1 | 2): object {
  const slug = store.organizations.get(id)?.slug
  const membership = store.memberships.get(`${id} ${userId}`)
  const role = membership?.role ?? 'org:member'
  // System permissions are never in a token.
  const permissions = (membership?.permissions ?? []).filter((one) => !one.startsWith('org:sys_'))
  if (version === 1)
    return { org_id: id, org_role: role, ...(slug && { org_slug: slug }), org_permissions: permissions }
  const byFeature = permissions.map((one) => one.replace(/^org:/, '').split(':'))
  const features = [...new Set(byFeature.map(([feature = '']) => feature))]
  const actions = [...new Set(byFeature.map(([, action = '']) => action))]
  const masks = features.map((feature) =>
    byFeature
      .filter(([name]) => name === feature)
      .reduce((mask, [, action = '']) => mask + 2 ** actions.indexOf(action), 0),
  )
  return {
    o: {
      id,
      ...(slug && { slg: slug }),
      rol: role.replace(/^org:/, ''),
      ...(features.length > 0 && { per: actions.join(','), fpm: masks.join(',') }),
    },
    ...(features.length > 0 && { fea: features.map((feature) => `o:${feature}`).join(',') }),
  }
}
