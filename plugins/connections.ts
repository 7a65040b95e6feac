import fp from 'fastify-plugin'
import { FirstloginError } from '../errors.ts'
import { type ConnectionLimits, type EndReason, watchConnections } from './connections/watch.ts'
import { toLastAnswer } from './problems/early.ts'

export interface ConnectionsOptions extends Partial<ConnectionLimits> {
  /** A connection was destroyed here. */
  onEnded?: (reason: EndReason) => void
}

const defaults: ConnectionLimits = {
  max: 4096,
  restTimeoutMs: 5_000,
  answerTimeoutMs: 60_000,
  maxPipelined: 100,
}
const quietMs = 60_000

/**
 * No client keeps others out by the connections that it holds: their number is limited, and when it is reached the one
 * that has waited for its client the longest gives way, of the network that has the most. Beside `serverOptions`.
 */
export default fp<ConnectionsOptions>(
  async function connectionsPlugin(app, { onEnded, ...limits }) {
    let toldAt = Number.NEGATIVE_INFINITY

    /** Once a minute is enough: it happens for every connection of a flood. */
    function warnThatFull(): void {
      const now = performance.now()
      if (now - toldAt < quietMs) return
      toldAt = now
      app.log.warn({ event: 'connections.full', max: limits.max ?? defaults.max })
    }

    watchConnections(
      app.server,
      { ...defaults, ...limits },
      () => toLastAnswer(new FirstloginError('FL_OVERLOADED', { retryAfterS: 1 })).text,
      (reason) => {
        if (reason === 'full') warnThatFull()
        onEnded?.(reason)
      },
    )
  },
  { name: 'firstlogin-connections', fastify: '5.x' },
)
