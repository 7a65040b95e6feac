import type { FastifyInstance } from 'fastify'
import { guardControl } from '../control-guard.ts'
import type { Mailbox } from '../mailbox.ts'

export function registerMailboxRoutes(app: FastifyInstance, mailbox: Mailbox): void {
  guardControl(app)
  app.get('/__mailbox', () => ({ messages: mailbox.list() }))

  app.delete('/__mailbox', (_request, reply) => {
    mailbox.clear()
    return reply.code(204).send()
  })
}
