import fp from 'fastify-plugin'
import { createHashQueue, type HashQueue, type HashQueueOptions } from '../sign-in/hash-queue.ts'

declare module 'fastify' {
  interface FastifyInstance {
    hashQueue: HashQueue
  }
}

/** Computes password hashes off the event loop. */
export default fp<HashQueueOptions>(
  async function hashQueuePlugin(app, options) {
    app.decorate('hashQueue', createHashQueue(options) satisfies HashQueue)
  },
  { name: 'firstlogin-hash-queue', fastify: '5.x' },
)
