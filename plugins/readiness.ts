import { setTimeout as sleep } from 'node:timers/promises'
import fp from 'fastify-plugin'
import { PoolerError } from '../db/echo.ts'
import { isMigrated } from '../db/migrate.ts'
import { FirstloginError } from '../errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    readiness: Readiness
  }
}

export interface Readiness {
  /** Throws FL_NOT_READY while the database is away, behind, or behind a pooler in transaction mode, and from the moment the service begins to stop. */
  check(): Promise<void>
}

/** A database that does not answer at all is not ready either. */
const patienceMs = 2000

export default fp(
  async function readinessPlugin(app) {
    let isStopping = false
    app.addHook('preClose', async () => {
      isStopping = true
    })
    app.decorate('readiness', {
      async check() {
        const late = sleep(patienceMs, false, { ref: false })
        const isReady = !isStopping && (await Promise.race([isMigrated(app.sql).catch(() => false), late]))
        if (app.notices.isPooled && !isStopping)
          throw new FirstloginError('FL_NOT_READY', { retryAfterS: 1, detail: new PoolerError().message })
        if (!isReady) throw new FirstloginError('FL_NOT_READY', { retryAfterS: 1 })
      },
    } satisfies Readiness)
  },
  { name: 'firstlogin-readiness', fastify: '5.x', dependencies: ['firstlogin-db', 'firstlogin-notices'] },
)
