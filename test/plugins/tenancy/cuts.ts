import type { Sql } from 'postgres'
import type { Proxy } from '../../support/proxy.ts'
import { until } from '../../support/until.ts'

/** Ends the connection of the server process with this id. */
export type Cut = (pid: number) => Promise<void>

export function createCuts(sql: Sql, wire: Proxy): Record<string, Cut> {
  return {
    'ended by the server': async (pid) => {
      await sql`select pg_terminate_backend(${pid})`
      await until(async () => (await sql`select from pg_stat_activity where pid = ${pid}`).length === 0)
    },
    'reset on the way': async (pid) => {
      const [row] = await sql<{ port: number }[]>`
        select client_port as port from pg_stat_activity where pid = ${pid}`
      if (row) wire.reset(row.port)
    },
  }
}
