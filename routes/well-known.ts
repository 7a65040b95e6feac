import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'

const Jwks = Type.Object({ keys: Type.Array(Type.Record(Type.String(), Type.String())) })

/** The public keys that access tokens can be checked with: current, next and previous. */
export const wellKnownRoutes: FastifyPluginAsyncTypebox = async function wellKnownRoutes(app) {
  app.get(
    '/.well-known/jwks.json',
    { schema: { tags: ['keys'], summary: 'Public keys', response: { 200: Jwks } } },
    async function jwks(_request, reply) {
      reply.header('cache-control', 'public, max-age=300')
      return { keys: [...app.keys.all.values()].map((key) => key.publicJwk) }
    },
  )
}
