import * as chat from './sessions.js'

const params = {
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'string', format: 'uuid' } },
}
const NewSession = {
  type: 'object',
  nullable: true,
  properties: { title: { type: 'string', minLength: 1, maxLength: 200 } },
}
const NewMessage = {
  type: 'object',
  required: ['text'],
  properties: { text: { type: 'string', minLength: 1, maxLength: 4000, pattern: '\\S' } },
}

/**
 * The seven routes. None of them says whose rows it wants by an organization: `asCaller` does, once for all.
 * @param {import('fastify').FastifyInstance} app
 */
export async function chatRoutes(app) {
  app.addHook('onRequest', app.identity.requireOrganization)

  /**
   * Runs the work as whoever asks, in a transaction that sees their organization and no other.
   * @template T
   * @param {import('fastify').FastifyRequest} request
   * @param {(tx: import('./sessions.js').Tx, userId: string) => Promise<T>} work
   */
  function asCaller(request, work) {
    const [userId, organizationId] = app.identity.idsOf(request)
    return app.tenancy.run(organizationId, (tx) => work(tx, userId))
  }

  app.get('/session', (request) => asCaller(request, chat.getActiveSession))

  app.get('/sessions', async (request) => ({ sessions: await asCaller(request, chat.listSessions) }))

  app.post('/sessions', { schema: { body: NewSession } }, async (request, reply) => {
    const session = await asCaller(request, (tx, userId) =>
      chat.createSession(tx, userId, request.body?.title),
    )
    return reply.code(201).send(session)
  })

  app.get('/sessions/:id', { schema: { params } }, (request) =>
    asCaller(request, (tx, userId) => chat.getSession(tx, userId, request.params.id)),
  )

  app.delete('/sessions/:id', { schema: { params } }, async (request, reply) => {
    await asCaller(request, (tx, userId) => chat.removeSession(tx, userId, request.params.id))
    return reply.code(204).send()
  })

  app.get('/sessions/:id/messages', { schema: { params } }, async (request) => ({
    messages: await asCaller(request, (tx, userId) => chat.listMessages(tx, userId, request.params.id)),
  }))

  app.post('/sessions/:id/messages', { schema: { params, body: NewMessage } }, async (request, reply) => {
    const { text } = request.body
    const answer = `You said: ${text}`
    const messages = await asCaller(request, (tx, userId) =>
      chat.addMessages(tx, userId, request.params.id, { user: text, bot: answer }),
    )
    return reply.code(201).send({ messages })
  })
}
