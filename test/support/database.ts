import { createHash, randomBytes } from 'node:crypto'
import postgres, { type Sql } from 'postgres'
import type { Test } from 'tap'
import { listMigrations, migrate } from '../../db/migrate.ts'
import { findServer } from './server.ts'

export interface TestDatabase {
  url: string
  sql: Sql
}

/** A migrated database of the caller's own; closed and dropped when the test ends. */
export async function createDatabase(t: Test): Promise<TestDatabase> {
  return create(t, findTemplate)
}

/** The same without a schema. */
export async function createEmptyDatabase(t: Test): Promise<TestDatabase> {
  return create(t, async () => 'template0')
}

async function create(t: Test, template: (server: Sql) => Promise<string>): Promise<TestDatabase> {
  const serverUrl = await findServer()
  const name = `test_${randomBytes(8).toString('hex')}`
  await withServer(serverUrl, async (server) => {
    await server`create database ${server(name)} template ${server(await template(server))} strategy file_copy`
  })
  const url = urlOf(serverUrl, name)
  const sql = connect(url, 10)
  t.teardown(async () => {
    await sql.end({ timeout: 1 })
    await withServer(serverUrl, (server) => server`drop database if exists ${server(name)} with (force)`)
  })
  return { url, sql }
}

/** Made by whoever comes first, anew when a migration changes. Nobody can connect to it, so it can always be cloned. */
async function findTemplate(server: Sql): Promise<string> {
  const checksums = (await listMigrations()).map(({ checksum }) => checksum)
  const name = `template_${createHash('sha256').update(checksums.join()).digest('hex').slice(0, 12)}`
  await server`select pg_advisory_lock(hashtext('template'))`
  const [found] = await server`select 1 from pg_database where datname = ${name}`
  if (!found) await makeTemplate(server, name)
  await server`select pg_advisory_unlock(hashtext('template'))`
  return name
}

async function makeTemplate(server: Sql, name: string) {
  const draft = `${name}_draft`
  await server`drop database if exists ${server(draft)} with (force)`
  await server`create database ${server(draft)} template template0 strategy file_copy`
  const sql = connect(urlOf(await findServer(), draft), 1)
  await migrate(sql).finally(() => sql.end())
  await server`alter database ${server(draft)} allow_connections false`
  await server`alter database ${server(draft)} rename to ${server(name)}`
}

async function withServer(url: string, use: (server: Sql) => Promise<unknown>) {
  const server = connect(url, 1)
  await use(server).finally(() => server.end())
}

function connect(url: string, max: number) {
  return postgres(url, { max, onnotice: () => {} })
}

function urlOf(server: string, database: string) {
  const url = new URL(server)
  url.pathname = database
  return url.href
}
