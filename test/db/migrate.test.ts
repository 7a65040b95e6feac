import postgres from 'postgres'
import t from 'tap'
import { isMigrated, listMigrations, migrate } from '../../db/migrate.ts'
import { createDatabase, createEmptyDatabase } from '../support/database.ts'

for (const instances of [2, 10]) {
  t.test(`${instances} instances that start at once on an empty database migrate it once`, async (t) => {
    const { sql, url } = await createEmptyDatabase(t)
    const pools = Array.from({ length: instances }, () => postgres(url, { max: 1, onnotice: () => {} }))
    t.teardown(() => Promise.all(pools.map((pool) => pool.end())))
    const applied = await Promise.all(pools.map((pool) => migrate(pool)))
    const names = (await listMigrations()).map(({ name }) => name)
    t.strictSame(applied.flat(), names)
    t.same(
      await sql`select name from firstlogin.migrations order by version`,
      names.map((name) => ({ name })),
    )
  })
}

t.test('a second run applies nothing, and a database is ready only after the first', async (t) => {
  const { sql } = await createEmptyDatabase(t)
  t.equal(await isMigrated(sql), false)
  t.ok((await migrate(sql)).length > 0)
  t.strictSame(await migrate(sql), [])
  t.equal(await isMigrated(sql), true)
})

t.test('a migration that was edited after it ran is refused by name', async (t) => {
  const { sql } = await createDatabase(t)
  await sql`update firstlogin.migrations set checksum = 'another' where version = 2`
  await t.rejects(migrate(sql), { message: /^Migration 0002_\w+\.sql was edited after it ran\.$/ })
})

t.test('a database of a newer version is refused, and nothing of it is touched', async (t) => {
  const { sql } = await createDatabase(t)
  await sql`delete from firstlogin.migrations where version = 2`
  await sql`insert into firstlogin.migrations (version, name, checksum) values (9999, '9999_later.sql', 'x')`
  const before = await sql`select * from firstlogin.migrations order by version`
  await t.rejects(migrate(sql), { message: 'The database was migrated by a newer firstlogin than this one.' })
  t.same(await sql`select * from firstlogin.migrations order by version`, before)
})

t.test('a migration that fails leaves nothing behind', async (t) => {
  const { sql } = await createEmptyDatabase(t)
  await sql`create schema firstlogin`
  await sql`create table firstlogin.sessions (in_the_way boolean)`
  await t.rejects(migrate(sql))
  t.same(await sql`select tablename from pg_tables where schemaname = 'firstlogin'`, [
    { tablename: 'sessions' },
  ])
})

t.test('the numbers of the migrations have no gap and no double', async (t) => {
  const versions = (await listMigrations()).map(({ version }) => version)
  t.strictSame(
    versions,
    versions.map((_, index) => index + 1),
  )
})
