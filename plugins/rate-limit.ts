import fastifyRateLimit from '@fastify/rate-limit'
import fp from 'fastify-plugin'
import { clientNetwork } from '../domain/network.ts'
import { FirstloginError, toLoggable } from '../errors.ts'
import { MemoryStore } from './rate-limit/memory-store.ts'

export interface RateLimitOptions {
  /** Where instances count together; without it each counts for itself. */
  redisUrl?: string | undefined
}

/** Limits by client network, for the routes that ask for one. A lost Redis lets requests through. */
export default fp<RateLimitOptions>(
  async function rateLimitPlugin(app, { redisUrl }) {
    const redis = redisUrl ? await connect(redisUrl) : undefined
    redis?.on('error', (error: unknown) => app.log.warn({ event: 'redis.failed', err: toLoggable(error) }))
    if (redis) app.addHook('onClose', async () => redis.disconnect())
    await app.register(fastifyRateLimit, {
      global: false,
      ...(redis ? { redis, skipOnError: true, nameSpace: 'firstlogin:' } : { store: MemoryStore }),
      keyGenerator: (request) => clientNetwork(request.ip),
      errorResponseBuilder: (_request, { ttl }) =>
        new FirstloginError('FL_RATE_LIMITED', { retryAfterS: ttl / 1000 }),
    })
  },
  { name: 'firstlogin-rate-limit', fastify: '5.x' },
)

/** Loaded only where it is used: it is a tenth of the service's memory. */
async function connect(url: string) {
  const { Redis } = await import('ioredis')
  return new Redis(url, { connectTimeout: 500, maxRetriesPerRequest: 1 })
}
