import { fileURLToPath } from 'node:url'

const file = fileURLToPath(new URL('tables.sql', import.meta.url))

/**
 * Makes the chat's own tables, once, also when several instances start together.
 * @param {import('fastify').FastifyInstance['sql']} sql
 */
export async function createTables(sql) {
  await sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(hashtext('chat tables'))`
    const [found] = await tx`select 1 from pg_namespace where nspname = 'chat'`
    if (!found) await tx.file(file)
  })
}
