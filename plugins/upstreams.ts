import fp from 'fastify-plugin'
import { createSharedGate } from '../db/upstream-gates.ts'
import type { Gate, GateLimits } from '../domain/gate.ts'
import type { Capabilities, Log, Upstream } from '../upstreams/upstream.ts'

declare module 'fastify' {
  interface FastifyInstance {
    upstreams: readonly ConnectedUpstream[]
  }
}

/** An upstream ready for use, with what it can do. */
export interface ConnectedUpstream extends Capabilities {
  name: string
  /** The budget that its calls are counted against. */
  gate: string
  limits: GateLimits
  /** Gives back the permit of a call that was not made. */
  returnPermit: Gate['returnPermit']
}

export interface UpstreamsOptions {
  upstreams: readonly Upstream[]
  /** A call that takes longer counts as a failure, even if its answer is still used. Default 2000. */
  slowMs?: number
}

/** The upstreams that are on, their calls within budgets that all instances share. */
export default fp<UpstreamsOptions>(
  async function upstreamsPlugin(app, { upstreams, slowMs = 2000 }) {
    const log: Log = (level, event, details) => app.log[level]({ event, ...details })
    app.decorate(
      'upstreams',
      upstreams.map(({ name, gate, limits, create }) => {
        const budget = createSharedGate(app.sql, gate, limits)
        const context = {
          http: app.http,
          gate: budget,
          log,
          clock: Date.now,
          slowMs,
        }
        return { ...create(context), name, gate, limits, returnPermit: budget.returnPermit }
      }),
    )
  },
  { name: 'firstlogin-upstreams', fastify: '5.x', dependencies: ['firstlogin-db', 'firstlogin-http'] },
)
