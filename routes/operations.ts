import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { ProblemAnswer } from '../schemas/problem.ts'

const Status = Type.Object({ status: Type.Literal('ok') })
const PrometheusText = {
  description: 'Prometheus text',
  content: { 'text/plain': { schema: Type.String() } },
}
const tags = ['operations']

export interface OperationsRoutesOptions {
  /** Whether /metrics answers. */
  metrics: boolean
}

/** What orchestrators and Prometheus ask. */
export const operationsRoutes: FastifyPluginAsyncTypebox<OperationsRoutesOptions> =
  async function operationsRoutes(app, options) {
    app.get(
      '/healthz',
      { logLevel: 'warn', schema: { tags, summary: 'Alive', response: { 200: Status } } },
      async function healthz() {
        return { status: 'ok' as const }
      },
    )

    app.get(
      '/readyz',
      {
        logLevel: 'warn',
        schema: {
          tags,
          summary: 'Ready for traffic',
          errors: ['FL_NOT_READY', 'FL_DATABASE_UNAVAILABLE'],
          response: { 200: Status, 503: ProblemAnswer },
        },
      },
      async function readyz() {
        await app.readiness.check()
        return { status: 'ok' as const }
      },
    )

    if (!options.metrics) return
    app.get(
      '/metrics',
      { logLevel: 'warn', schema: { tags, summary: 'Prometheus text', response: { 200: PrometheusText } } },
      async function metrics(_request, reply) {
        reply.type(app.metrics.registry.contentType)
        return app.metrics.registry.metrics()
      },
    )
  }
