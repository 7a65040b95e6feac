import fp from 'fastify-plugin'
import type { Sql } from 'postgres'
import { verifyConnections } from '../db/echo.ts'
import { migrate } from '../db/migrate.ts'
import { createPool } from '../db/pool.ts'

declare module 'fastify' {
  interface FastifyInstance {
    sql: Sql
  }
}

export interface DbOptions {
  /** `postgres://...`, or a pool of the host's own, which stays the host's to close. */
  database: string | Sql
  /** Connections of the pool that is made from a URL. Default 10. */
  poolSize?: number
  /** Bring the schema `firstlogin` up to date before the app is ready. Default true. */
  migrate?: boolean
}

export default fp<DbOptions>(
  async function dbPlugin(app, options) {
    const { database, poolSize = 10 } = options
    const sql =
      typeof database === 'string'
        ? createPool(database, {
            max: poolSize,
            connect_timeout: 10,
            // Seconds before the next try: by default they grow to 20, for which everybody would wait.
            backoff: () => 0.1,
            connection: { application_name: 'firstlogin' },
            onnotice: () => {},
          })
        : database
    app.decorate('sql', sql)
    if (typeof database === 'string') app.addHook('onClose', () => sql.end({ timeout: 5 }))
    await verifyConnections(sql)
    if (options.migrate === false) return
    const applied = await migrate(sql)
    if (applied.length > 0) app.log.info({ event: 'migrations.applied', migrations: applied })
  },
  { name: 'firstlogin-db', fastify: '5.x' },
)
