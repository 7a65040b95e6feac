import { setTimeout as sleep } from 'node:timers/promises'
import postgres from 'postgres'
import t, { type Test } from 'tap'
import { withSafeBegin } from '../../db/safe-begin.ts'
import { createDatabase } from '../support/database.ts'
import { createProxy } from '../support/proxy.ts'

async function setUp(t: Test) {
  const database = await createDatabase(t)
  const wire = await createProxy(t, database.url)
  const sql = withSafeBegin(postgres(wire.url, { max: 2, backoff: () => 0.05, onnotice: () => {} }))
  t.teardown(() => sql.end({ timeout: 0 }))
  await sql`create table kept (id int)`
  return { ...database, wire, sql }
}

// https://github.com/porsager/postgres/issues/1208
t.test(
  'a connection that breaks in a transaction is an error of begin, and not the end of the process',
  async (t) => {
    const { sql, wire } = await setUp(t)
    const moments: Record<string, () => Promise<unknown>> = {
      'while a query runs': () =>
        sql.begin(async (tx) => {
          await tx`insert into kept values (1)`
          setTimeout(() => void wire.cut(), 20)
          await tx`select pg_sleep(0.3)`
        }),
      'while several do': () =>
        sql.begin((tx) => {
          setTimeout(() => void wire.cut(), 20)
          return [tx`insert into kept values (1)`, tx`select pg_sleep(0.3)`, tx`select 1`]
        }),
      'between its last query and commit': () =>
        sql.begin(async (tx) => {
          await tx`insert into kept values (1)`
          await wire.cut()
          await sleep(50)
        }),
      'and the work fails as well': () =>
        sql.begin(async (tx) => {
          await tx`insert into kept values (1)`
          await wire.cut()
          await sleep(50)
          throw new Error('of the work')
        }),
    }
    for (const [name, begin] of Object.entries(moments)) {
      await t.rejects(begin(), { code: /^(CONNECTION_CLOSED|ECONNRESET)$/ }, name)
      await sleep(20)
      await wire.mend()
      t.same(await sql`select from kept`, [], 'and nothing of it is kept')
    }
  },
)

t.test('a connection that the database ends in a transaction is one, too', async (t) => {
  const { sql } = await setUp(t)
  for (let round = 0; round < 10; round += 1) {
    const ended = sql.begin(async (tx) => {
      await tx`insert into kept values (1)`
      await tx`select pg_terminate_backend(pg_backend_pid())`
    })
    await t.rejects(ended, { code: /^(57P01|CONNECTION_CLOSED|ECONNRESET)$/ })
  }
  // The library tells the next query of each connection once more why it was ended.
  for (let connection = 0; connection < 2; connection += 1) await sql`select 1`.catch(() => {})
  t.same(await sql`select from kept`, [])
})

t.test('all else is as it was: results, options, errors, savepoints', async (t) => {
  const { sql } = await setUp(t)
  t.equal(await sql.begin(async () => 'done'), 'done')
  t.match(await sql.begin((tx) => [tx`select 1 as a`, tx`select 2 as b`]), [[{ a: 1 }], [{ b: 2 }]])
  await t.rejects(
    sql.begin('read only', (tx) => tx`insert into kept values (1)`),
    { code: '25006' },
  )
  await t.rejects(
    sql.begin(async (tx) => {
      await tx`insert into kept values (1)`
      throw new Error('of the work')
    }),
    { message: 'of the work' },
  )
  t.same(await sql`select from kept`, [])
  await sql.begin(async (tx) => {
    await tx`insert into kept values (1)`
    await tx.savepoint((inner) => inner`select 1 / 0`).catch(() => {})
  })
  t.same(await sql`select id from kept`, [{ id: 1 }])
})
