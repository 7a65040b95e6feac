import fp from 'fastify-plugin'
import { createSharedGate } from '../db/upstream-gates.ts'
import type { Gate, GateLimits } from '../domain/gate.ts'
import type { Capabilities, Log, Upstream } from '../upstreams/upstream.ts'
import type { RequestLines } from './request-log/lines.ts'
import { probe } from './upstreams/probe.ts'

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
  /** Each is asked once when the app listens: what is wrong with its settings is in the log from the start on. */
  isProbed?: boolean
}

/** The upstreams that are on, their calls within budgets that all instances share. */
export default fp<UpstreamsOptions>(
  async function upstreamsPlugin(app, { upstreams, slowMs = 2000, isProbed = false }) {
    const log = toUpstreamLog(app.log)
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
    if (!isProbed) return
    app.addHook('onListen', async function probeUpstreams() {
      for (const { name: upstream, lookup } of app.upstreams) {
        if (!lookup) continue
        // It is waited for by no one: the app listens already.
        void probe(lookup).then(
          () => app.log.info({ event: 'upstream.ready', upstream }),
          () => app.log.warn({ event: 'upstream.unavailable', upstream }),
        )
      }
    })
  },
  { name: 'firstlogin-upstreams', fastify: '5.x', dependencies: ['firstlogin-db', 'firstlogin-http'] },
)

export function toUpstreamLog(log: RequestLines): Log {
  return (level, event, details) => log[level]({ event, ...details })
}
