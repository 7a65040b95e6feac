import { type Static, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { FirstloginError } from '../../errors.ts'
import { toText } from '../text.ts'
import type { VerifiedToken } from '../upstream.ts'
import { Maybe } from './records.ts'

/** The organization that somebody acts in, and as what. */
export interface ActiveOrganization {
  id: string
  role: string | undefined
  slug: string | undefined
}

const SessionToken = Type.Object({
  sub: Type.String({ pattern: '^user_[\\x21-\\x7e]{1,195}$' }),
  sid: Type.String({ minLength: 1 }),
  sts: Maybe(Type.Literal('active')),
  azp: Maybe(Type.String()),
  act: Type.Optional(Type.Unknown()),
  v: Type.Optional(Type.Unknown()),
  o: Type.Optional(Type.Unknown()),
  org_id: Type.Optional(Type.Unknown()),
  org_role: Type.Optional(Type.Unknown()),
  org_slug: Type.Optional(Type.Unknown()),
  // Not Clerk's own: whoever customises the session token may add these.
  email: Type.Optional(Type.Unknown()),
  email_verified: Type.Optional(Type.Unknown()),
  name: Type.Optional(Type.Unknown()),
})
export type SessionToken = Static<typeof SessionToken>

const sessionToken = Compile(SessionToken)
const OrganizationId = Type.String({ pattern: '^org_[\\x21-\\x7e]{1,196}$' })
const organizationV1 = Compile(Type.Object({ org_id: OrganizationId, org_role: Maybe(Type.String()) }))
const organizationV2 = Compile(Type.Object({ id: OrganizationId, rol: Maybe(Type.String()) }))

/** Throws FL_TOKEN_INVALID for tokens of machines, of OAuth, of templates without a session, and of pending sessions. */
export function readSessionToken({ header, payload }: VerifiedToken): SessionToken {
  const { typ } = header
  if (typ !== undefined && typ !== 'JWT') refuse('it is not a session token')
  if (payload['sts'] === 'pending') refuse('the session is pending')
  if (!sessionToken.Check(payload)) refuse('it is not a session token')
  return payload
}

/** The active organization as either version writes it; undefined for none. Throws FL_TOKEN_INVALID. */
export function readOrganization(token: SessionToken): ActiveOrganization | undefined {
  const { v: version = 1, o, org_id: oldId, org_role: oldRole } = token
  const isOld = isTold(oldId) || isTold(oldRole)
  if (version !== 1 && version !== 2) refuse('it is of an unknown version')
  if (version === 1) {
    if (isTold(o)) refuse('it is of two versions')
    if (!isOld) return undefined
    if (!organizationV1.Check(token)) refuse('its organization is malformed')
    return { id: token.org_id, role: token.org_role ?? undefined, slug: toText(token.org_slug) }
  }
  if (isOld) refuse('it is of two versions')
  if (!isTold(o)) return undefined
  if (!organizationV2.Check(o)) refuse('its organization is malformed')
  return { id: o.id, role: o.rol ?? undefined, slug: toText(Reflect.get(o, 'slg')) }
}

export function isTold(value: unknown): boolean {
  return value !== undefined && value !== null
}

/** The reason is for the log. */
export function refuse(reason: string): never {
  throw new FirstloginError('FL_TOKEN_INVALID', { cause: reason })
}
