import t from 'tap'
import { createDatabase, createEmptyDatabase } from './database.ts'

t.test('createDatabase gives every caller a migrated database of its own, at the same time', async (t) => {
  const databases = await Promise.all(Array.from({ length: 8 }, () => createDatabase(t)))
  t.equal(new Set(databases.map(({ url }) => url)).size, 8)
  for (const { sql } of databases) {
    const [row] = await sql`select to_regclass('firstlogin.migrations') is not null as migrated`
    t.equal(row?.['migrated'], true)
  }
})

t.test(
  'createDatabase drops the database when the test ends, even while somebody is connected',
  async (t) => {
    let gone = ''
    await t.test('a test with a database', async (t) => {
      const { sql } = await createDatabase(t)
      const [row] = await sql`select current_database() as name`
      gone = row?.['name']
    })
    const { sql } = await createEmptyDatabase(t)
    t.match(gone, /^test_/)
    t.same(await sql`select 1 from pg_database where datname = ${gone}`, [])
  },
)

t.test('createEmptyDatabase gives a database without a schema', async (t) => {
  const { sql } = await createEmptyDatabase(t)
  const [row] = await sql`select to_regnamespace('firstlogin') as schema`
  t.equal(row?.['schema'], null)
})
