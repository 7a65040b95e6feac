import type { Sql } from 'postgres'
import type { Config } from '../../config.ts'
import { PoolerError, verifyConnections } from '../../db/echo.ts'
import { findMigrationState } from '../../db/migrate.ts'
import { listSigningKeys } from '../../db/signing-keys.ts'
import { createKeyRing } from '../../domain/sealing.ts'
import { verifySealedKeys } from '../../plugins/keys.ts'
import { withDatabase } from '../command.ts'
import { type Check, codeOf, explainConnection, fail, ok } from './check.ts'
import { findStoredExpensiveHashes, toExpensive } from './unusable-records.ts'

/** The database and what is in it. What is wrong with the connection is said once. */
export async function checkDatabase(config: Config, isEmbedded: boolean): Promise<Check[]> {
  return withDatabase(config, async (sql) => {
    try {
      const [row] = await sql<{ version: string }[]>`select current_setting('server_version') as version`
      await verifyConnections(sql)
      const version = `PostgreSQL ${row?.version}`
      const why = isEmbedded ? ', the embedded one, because DATABASE_URL is not set' : ''
      const database = ok('database', version + why)
      const migrations = await checkMigrations(sql)
      if (migrations.state === 'fail') return [database, migrations]
      return [database, migrations, await checkKeys(sql, config), ...(await checkHashes(sql))]
    } catch (error) {
      return [fail('database', explain(error, config.DATABASE_URL))]
    }
  })
}

async function checkMigrations(sql: Sql): Promise<Check> {
  const { applied, missing, isNewer } = await findMigrationState(sql)
  const name = 'migrations'
  if (isNewer)
    return fail(
      name,
      'this database was migrated by a newer firstlogin: install that version, or correct DATABASE_URL',
    )
  if (missing === 0) return ok(name, 'up to date')
  if (applied === 0) return ok(name, 'none yet; they run at the first start, or with `firstlogin migrate`')
  return fail(
    name,
    `${missing} of ${applied + missing} are missing: run \`firstlogin migrate\`, or start this version`,
  )
}

async function checkKeys(sql: Sql, { FIRSTLOGIN_SECRET }: Config): Promise<Check> {
  const name = 'signing keys'
  const stored = await listSigningKeys(sql).catch((error: unknown) => {
    // Before the first start there is no table.
    if (codeOf(error) === '42P01') return []
    throw error
  })
  if (stored.length === 0) return ok(name, 'none yet; they are made at the first start')
  try {
    verifySealedKeys(createKeyRing(FIRSTLOGIN_SECRET, 'signing-keys'), stored)
    return ok(name, `${stored.length}, opened with FIRSTLOGIN_SECRET`)
  } catch {
    return fail(
      name,
      'FIRSTLOGIN_SECRET is another one than before and does not open the keys in this database, so the service will not ' +
        'start: set the former value again. To change it without ending sessions, set `<former>,<new>` and follow "Rotate ' +
        'FIRSTLOGIN_SECRET" in docs/operations.md. If the former value is lost, every session ends: delete the rows of ' +
        'firstlogin.signing_keys and firstlogin.feeds, and users sign in again',
    )
  }
}

async function checkHashes(sql: Sql): Promise<Check[]> {
  const records = await findStoredExpensiveHashes(sql).catch(() => [])
  return toExpensive(records)
}

/** The user and the database by name, the server by host and port; never the password. */
function explain(error: unknown, databaseUrl: string): string {
  if (error instanceof PoolerError) return error.message
  const { hostname, port, username, pathname } = new URL(databaseUrl)
  const [user, database] = [decodeURIComponent(username), decodeURIComponent(pathname.slice(1))]
  const code = codeOf(error)
  const reason = explainConnection(code, `${hostname}:${port || 5432}`) ?? explainState(code, user, database)
  return `DATABASE_URL: ${reason ?? (error instanceof Error ? error.message : code)}`
}

function explainState(code: string, user: string, database: string): string | undefined {
  if (code === '28P01') return `the password of "${user}" is refused: correct it`
  if (code === '28000')
    return `PostgreSQL does not let "${user}" in: correct the user, or allow it in pg_hba.conf`
  if (code === '3D000')
    return `there is no database "${database}": run \`createdb ${database}\`, or correct the name`
  if (code === '42501')
    return `"${user}" may not do that: grant it CREATE on the database "${database}" and the schema firstlogin`
  if (code === '53300')
    return 'all connections of PostgreSQL are taken: lower DATABASE_POOL, or raise max_connections'
  if (code === '57P03') return 'PostgreSQL is starting or stopping: try again in a moment'
  return undefined
}
