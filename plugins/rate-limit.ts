import fastifyRateLimit from '@fastify/rate-limit'
import fp from 'fastify-plugin'
import { clientNetwork } from '../domain/network.ts'
import { FirstloginError } from '../errors.ts'
import { MemoryStore } from './rate-limit/memory-store.ts'
import { createSharedCounts } from './rate-limit/shared-counts.ts'
import { createSharedStore } from './rate-limit/shared-store.ts'

export interface RateLimitOptions {
  /** Where instances count together; without it each counts for itself. */
  redisUrl?: string | undefined
  /** How long a request waits for Redis, in milliseconds, before Redis counts as away. Default 25. */
  maxAnswerMs?: number
  /** Called when instances begin to count together, and when they stop. */
  onShared?: (isShared: boolean) => void
}

/**
 * Limits by client network, for the routes that ask for one. While Redis is dead, frozen, slow, full or refuses the
 * password, each instance counts for itself, and no request waits for it but those that are under way when it goes.
 */
export default fp<RateLimitOptions>(
  async function rateLimitPlugin(app, { redisUrl, maxAnswerMs = 25, onShared }) {
    await app.register(fastifyRateLimit, {
      global: false,
      store: redisUrl ? createSharedStore(await open(redisUrl)) : MemoryStore,
      keyGenerator: (request) => clientNetwork(request.ip),
      errorResponseBuilder: (_request, { ttl }) =>
        new FirstloginError('FL_RATE_LIMITED', { retryAfterS: ttl / 1000 }),
    })

    async function open(url: string) {
      const shared = await createSharedCounts(url, {
        maxAnswerMs,
        onLost(reason) {
          onShared?.(false)
          app.log.warn({ event: 'redis.lost', reason, limits: 'per instance' })
        },
        onLive(isFirst) {
          onShared?.(true)
          if (!isFirst) app.log.info({ event: 'redis.recovered', limits: 'shared' })
        },
      })
      app.addHook('onClose', async () => shared.close())
      return shared
    }
  },
  { name: 'firstlogin-rate-limit', fastify: '5.x' },
)
