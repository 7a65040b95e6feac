import fp from 'fastify-plugin'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

declare module 'fastify' {
  interface FastifyInstance {
    metrics: Metrics
  }
}

export interface Metrics {
  registry: Registry
  readThroughAttempts: Counter
  readThroughSuccess: Counter
  upserts: Counter<'path'>
  webhookProcessed: Counter
  webhookReplayed: Counter
  webhookFailed: Counter
  inboundEvents: Counter<'source' | 'result'>
  logins: Counter<'outcome'>
  identities: Counter<'outcome'>
  sessionsShared: Counter
  connectionsEnded: Counter<'reason'>
  rateLimitShared: Gauge
}

export default fp(
  async function metricsPlugin(app) {
    const registry = new Registry()
    collectDefaultMetrics({ register: registry })
    const registers = [registry]
    const requests = new Histogram({
      name: 'firstlogin_http_request_duration_seconds',
      help: 'Requests by route and status.',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
      registers,
    })
    app.decorate('metrics', {
      registry,
      readThroughAttempts: new Counter({
        name: 'auth_readthrough_attempts',
        help: 'Times a person was not in Postgres and an upstream was asked.',
        registers,
      }),
      readThroughSuccess: new Counter({
        name: 'auth_readthrough_success',
        help: 'Times the upstream knew the person and the request went on.',
        registers,
      }),
      upserts: new Counter({
        name: 'firstlogin_upserts_total',
        help: 'Changes applied to people, by the path they took.',
        labelNames: ['path'],
        registers,
      }),
      webhookProcessed: new Counter({
        name: 'webhook_user_events_processed',
        help: 'Events that changed somebody.',
        registers,
      }),
      webhookReplayed: new Counter({
        name: 'webhook_user_events_replayed',
        help: 'Events that were taken in before.',
        registers,
      }),
      webhookFailed: new Counter({
        name: 'webhook_user_events_failed',
        help: 'Events that were signed and could not be applied.',
        registers,
      }),
      inboundEvents: new Counter({
        name: 'firstlogin_inbound_events_total',
        help: 'Events by the upstream that told them and what became of them.',
        labelNames: ['source', 'result'],
        registers,
      }),
      logins: new Counter({
        name: 'firstlogin_logins_total',
        help: 'Login attempts by outcome.',
        labelNames: ['outcome'],
        registers,
      }),
      identities: new Counter({
        name: 'firstlogin_identities_total',
        help: 'Tokens that were not known from memory: of somebody known, of a newcomer, or refused with a code.',
        labelNames: ['outcome'],
        registers,
      }),
      sessionsShared: new Counter({
        name: 'firstlogin_sessions_shared_total',
        help: 'Refreshes of a session that another network had used within REFRESH_GRACE_S.',
        registers,
      }),
      connectionsEnded: new Counter({
        name: 'firstlogin_connections_ended_total',
        help: 'Connections that were ended here because their client kept them without using them, by reason.',
        labelNames: ['reason'],
        registers,
      }),
      rateLimitShared: new Gauge({
        name: 'firstlogin_rate_limit_shared',
        help: '1 while instances count requests together in Redis, 0 while each counts for itself.',
        registers,
      }),
    } satisfies Metrics)

    app.addHook('onResponse', async function observeRequest(request, reply) {
      const route = request.routeOptions.url ?? 'unknown'
      requests.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000)
    })
    app.addHook('onClose', async () => registry.clear())
  },
  { name: 'firstlogin-metrics', fastify: '5.x' },
)
