import type { FastifyInstance } from 'fastify'
import { type Static, type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'
import { VendorError } from '../vendor.ts'
import type { AccessTokenOptions } from './access-tokens.ts'
import type { SentWebhook } from './webhook.ts'
import type { World } from './world.ts'

const TokenRequest = Type.Object({ userId: Type.String(), tenantId: Type.String() })
const EventRequest = Type.Object({
  eventKey: Type.String(),
  userId: Type.Optional(Type.String()),
  tenantId: Type.Optional(Type.String()),
})

/** Who is there, tokens of theirs, and events about them, for somebody who plays with the sandbox. */
export function registerControl(
  app: FastifyInstance,
  standIn: World & {
    accessToken(options: AccessTokenOptions): string
    webhook(eventKey: string, about: Omit<Static<typeof EventRequest>, 'eventKey'>): Promise<SentWebhook>
  },
): void {
  app.get('/state', () => ({
    users: standIn.users.list(),
    tenants: standIn.tenants.list(),
    roles: standIn.roles.list(),
    memberships: standIn.memberships.list(),
  }))
  app.post('/tokens', (request) => ({ token: standIn.accessToken(read(TokenRequest, request.body)) }))
  app.post('/webhooks', (request) => {
    const { eventKey, ...about } = read(EventRequest, request.body)
    return standIn.webhook(eventKey, about)
  })
}

function read<T extends TSchema>(schema: T, body: unknown): Static<T> {
  if (!Value.Check(schema, body))
    throw new VendorError(422, { errors: ['The body lacks what is asked for.'] })
  return body
}
