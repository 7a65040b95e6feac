import type { ErrorCode } from '../../../../errors.ts'
import { type Claims, compose, type Parts, readParts, signWithEdDSA } from './signing.ts'
import { type Ask, type ForgeryWorld, newClerkId, newFronteggId } from './world.ts'

export type Issuer = 'clerk' | 'frontegg' | 'ours'

/** A token that is right, and how its issuer would have written it otherwise. */
export interface Right extends Parts {
  token: string
  /** Header, payload, signature. */
  segments: [string, string, string]
  headers: Record<string, string>
  /** The ids of the person and the organization upstream. */
  user: string
  organization: string
  /** The same with the issuer's own key; what is undefined is left out. */
  sign(claims: Claims, header?: Claims): Promise<string>
}

export interface Row {
  name: string
  of: Issuer
  /** What the right one has in addition, and who is asked. */
  right?: { claims?: Claims; headers?: (world: ForgeryWorld) => Record<string, string>; on?: 'parties' }
  /** Default FL_TOKEN_INVALID. */
  code?: ErrorCode
  /** The token, or the whole request. */
  forge(right: Right, world: ForgeryWorld): string | Ask | Promise<string | Ask>
  /** What makes the right one wrong, after it was accepted. */
  spoil?(right: Right, world: ForgeryWorld): Promise<unknown>
}

/** Of somebody of a vendor's whom nobody here has seen before; ours are of the one person who signs in here. */
export async function mint(row: Row, world: ForgeryWorld): Promise<Right> {
  const { token, user, organization, sign } = await minters[row.of](row.right?.claims ?? {}, world)
  const parts = readParts(token)
  const [header = '', payload = '', signature = ''] = token.split('.')
  return {
    token,
    ...parts,
    segments: [header, payload, signature],
    headers: { authorization: `Bearer ${token}`, ...row.right?.headers?.(world) },
    user,
    organization,
    sign: async (claims, header = {}) => sign({ ...parts.claims, ...claims }, { ...parts.header, ...header }),
  }
}

interface Minted {
  token: string
  user: string
  organization: string
  sign(claims: Claims, header: Claims): string | Promise<string>
}

const minters: Record<Issuer, (claims: Claims, world: ForgeryWorld) => Promise<Minted>> = {
  async clerk(claims, { clerk }) {
    const [userId, organizationId] = [newClerkId('user'), newClerkId('org')]
    return {
      token: await clerk.sessionToken({ userId, organizationId, claims }),
      user: userId,
      organization: organizationId,
      sign: (claims, header) => clerk.sessionToken({ userId, claims, header }),
    }
  },
  async frontegg(claims, { frontegg }) {
    const [userId, tenantId] = [newFronteggId(), newFronteggId()]
    return {
      token: frontegg.accessToken({ userId, tenantId, claims }),
      user: userId,
      organization: tenantId,
      sign: (claims, header) => frontegg.accessToken({ userId, tenantId, claims, header }),
    }
  },
  async ours(_claims, { host, person }) {
    const { app } = host
    const issued = await app.tokens.issue(person.userId, { userAgent: null, address: null })
    return {
      token: issued?.accessToken ?? '',
      user: person.userId,
      organization: person.organizationId,
      sign: (claims, header) => compose({ header, claims }, signWithEdDSA(app.keys.current.privateKey)),
    }
  },
}
