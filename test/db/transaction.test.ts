import { setTimeout as sleep } from 'node:timers/promises'
import postgres, { type TransactionSql } from 'postgres'
import t, { type Test } from 'tap'
import { inTransaction } from '../../db/transaction.ts'
import { createDatabase } from '../support/database.ts'
import { createProxy } from '../support/proxy.ts'

async function setUp(t: Test) {
  const { url } = await createDatabase(t)
  const wire = await createProxy(t, url)
  const sql = postgres(wire.url, { max: 2, backoff: () => 0.05, onnotice: () => {} })
  t.teardown(() => sql.end({ timeout: 0 }))
  await sql`create table kept (id int)`
  return { wire, sql }
}

// https://github.com/porsager/postgres/issues/1208
t.test('a connection that breaks in a transaction is an error, and not the end of the process', async (t) => {
  const { sql, wire } = await setUp(t)
  const cutSoon = () => void setTimeout(() => void wire.cut(), 20)
  const moments: Record<string, (tx: TransactionSql) => Promise<unknown>> = {
    'while a statement runs': async (tx) => {
      await tx`insert into kept values (1)`
      cutSoon()
      await tx`select pg_sleep(0.3)`
    },
    'while several do': (tx) => {
      cutSoon()
      return Promise.all([tx`insert into kept values (1)`, tx`select pg_sleep(0.3)`, tx`select 1`])
    },
    'before it is committed': async (tx) => {
      await tx`insert into kept values (1)`
      await wire.cut()
      await sleep(50)
    },
    'and the work fails as well': async (tx) => {
      await tx`insert into kept values (1)`
      await wire.cut()
      await sleep(50)
      throw new Error('of the work')
    },
  }
  for (const [name, work] of Object.entries(moments)) {
    await t.rejects(inTransaction(sql, work), { code: /^(CONNECTION_CLOSED|ECONNRESET)$/ }, name)
    await wire.mend()
    t.same(await sql`select from kept`, [], 'and nothing of it is kept')
  }
})

t.test('a connection that the database ends in a transaction is one, too', async (t) => {
  const { sql } = await setUp(t)
  for (let round = 0; round < 10; round += 1) {
    const ended = inTransaction(sql, async (tx) => {
      await tx`insert into kept values (1)`
      await tx`select pg_terminate_backend(pg_backend_pid())`
    })
    await t.rejects(ended, { code: /^(57P01|CONNECTION_CLOSED|ECONNRESET)$/ })
  }
  // The library tells the next query of each connection once more why it was ended.
  for (let connection = 0; connection < 2; connection += 1) await sql`select 1`.catch(() => {})
  t.same(await sql`select from kept`, [])
})

t.test('all of it is kept or nothing, and the connection can be used again', async (t) => {
  const { sql } = await setUp(t)
  for (let round = 0; round < 5; round += 1) {
    const broken = inTransaction(sql, async (tx) => {
      await tx`insert into kept values (1)`
      throw new Error('of the work')
    })
    await t.rejects(broken, { message: 'of the work' })
    const swallowed = inTransaction(sql, async (tx) => {
      await tx`insert into kept values (1)`
      await tx`select 1 / 0`.catch(() => {})
    })
    await t.rejects(swallowed, { code: '22012' })
  }
  t.same(await sql`select from kept`, [])
  const answer = await inTransaction(sql, async (tx) => {
    await tx`insert into kept values (1)`
    return 'done'
  })
  t.same([answer, await sql`select id from kept`], ['done', [{ id: 1 }]])
})
