import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import type { Change } from '../../domain/change.ts'
import { toMembershipName } from '../../domain/change.ts'
import { createTextKey } from '../../domain/signature/keys.ts'
import { FirstloginError } from '../../errors.ts'
import { Refusal } from '../calls.ts'
import type { UpstreamContext, Webhook } from '../upstream.ts'
import { FronteggUser, type Role } from './answers.ts'
import type { FronteggCalls } from './calls.ts'
import type { FronteggEnv } from './env.ts'
import { type Hint, nameOf, readHint } from './hint.ts'
import {
  toMembershipChange,
  toOrganizationChange,
  toReadStamp,
  toTenancies,
  toUserChange,
} from './mapping.ts'
import { findTenant } from './organizations.ts'
import { verifyProof } from './proof.ts'
import { findUsers } from './users.ts'

const Event = Type.Object({
  eventKey: Type.Optional(Type.Unknown({ description: 'such as frontegg.user.created' })),
})
const event = Compile(Event)
/** In what is kept: a hint that is read again is as old as it was. */
const arrival = Compile(Type.Object({ arrivedAt: Type.Number({ minimum: 0 }) }))
const wholeUser = Compile(FronteggUser)
const upstream = 'frontegg'

/**
 * Nothing binds an event to its proof, so it is a hint: whom it names is read again from the Management API, and only
 * what that says is told. At most three calls.
 */
export function createWebhook(
  secrets: string[],
  calls: FronteggCalls,
  env: FronteggEnv,
  { clock }: UpstreamContext,
): Webhook {
  const keys = secrets.map(createTextKey)

  async function readUser(userId: string, { eventKey, tenantId }: Hint): Promise<Change[]> {
    const readAt = clock()
    const [user] = await findUsers(calls, [userId])
    const stamp = toReadStamp(undefined, readAt)
    if (!user) {
      // A list that lacks them; a 404 might have other reasons.
      const isGone = eventKey === 'frontegg.user.deleted'
      return isGone ? [{ type: 'user.vanished', upstream, externalId: userId, stamp }] : []
    }
    const tenancies = toTenancies(user)
    const roles = await findRoles(userId)
    const isMissing = tenantId !== undefined && !tenancies.some((tenancy) => tenancy.tenantId === tenantId)
    return [
      toUserChange(user, readAt, eventKey === 'frontegg.user.created'),
      ...tenancies.map((tenancy) => {
        return toMembershipChange(userId, tenancy, roles.get(tenancy.tenantId), env, readAt)
      }),
      ...(isMissing ? [toVanished(tenantId)] : []),
    ]

    function toVanished(tenant: string): Change {
      return { type: 'membership.vanished', ...toMembershipName(upstream, tenant, userId), stamp }
    }
  }

  /** By tenant. A listing tells which tenants are disabled, and the user alone tells the roles. */
  async function findRoles(userId: string): Promise<Map<string, Role[]>> {
    const path = `/identity/resources/vendor-only/users/v1/${userId}`
    try {
      const { tenants } = await calls.ask({ path, answer: wholeUser, expected: ['NOT_FOUND'] })
      return new Map(tenants?.flatMap(({ tenantId, roles }) => (roles ? [[tenantId, roles]] : [])))
    } catch (error) {
      if (error instanceof Refusal) return new Map()
      throw error
    }
  }

  async function readTenant(tenantId: string, { eventKey }: Hint): Promise<Change[]> {
    const readAt = clock()
    const tenant = await findTenant(calls, tenantId)
    return tenant ? [toOrganizationChange(tenant, readAt, eventKey === 'frontegg.tenant.created')] : []
  }

  return {
    path: '/frontegg',
    signatureHeader: 'x-webhook-secret',
    summary: "Frontegg's webhooks: whom they name is read again",
    body: Event,
    verifyHeaders: (headers) => void verifyProof(headers, keys, clock()),
    verify: (_bytes, headers) => ({ dialect: 'frontegg', messageId: verifyProof(headers, keys, clock()) }),
    async read(body, { dialect, messageId }) {
      if (!event.Check(body)) throw new FirstloginError('FL_PAYLOAD_INVALID')
      const hint = readHint(body)
      const { eventKey, userId, tenantId } = hint
      const id = dialect === 'kept' && messageId !== undefined ? messageId : nameOf(hint, body, messageId)
      const arrivedAt = dialect === 'kept' && arrival.Check(body) ? body.arrivedAt : clock()
      const payload = { eventKey, ...(userId && { userId }), ...(tenantId && { tenantId }), arrivedAt }
      const about = { id, type: eventKey, occurredAt: arrivedAt, payload }
      try {
        const changes = [
          ...(tenantId === undefined ? [] : await readTenant(tenantId, hint)),
          ...(userId === undefined ? [] : await readUser(userId, hint)),
        ]
        return { ...about, changes }
      } catch (error) {
        if (!(error instanceof FirstloginError)) throw error
        return { ...about, changes: [], refusal: error }
      }
    },
  }
}
