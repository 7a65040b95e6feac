import postgres, { type TransactionSql } from 'postgres'
import t, { type Test } from 'tap'
import { inTransaction } from '../../db/transaction.ts'
import { createDatabase } from '../support/database.ts'
import { createProxy } from '../support/proxy.ts'
import { until } from '../support/until.ts'

async function setUp(t: Test) {
  const { url, sql: direct } = await createDatabase(t)
  const wire = await createProxy(t, url)
  let closed = 0
  const sql = postgres(wire.url, {
    max: 2,
    backoff: () => 0.05,
    onnotice: () => {},
    onclose: () => (closed += 1),
  })
  t.teardown(() => sql.end({ timeout: 0 }))
  await sql`create table kept (id int)`
  return { direct, wire, sql, closes: () => closed }
}

// https://github.com/porsager/postgres/issues/1208
t.test('a connection that breaks in a transaction is an error, and not the end of the process', async (t) => {
  const { direct, sql, wire, closes } = await setUp(t)
  const cutWhileRunning = () =>
    until(
      async () => (await direct`select from pg_stat_activity where query ~ '^select pg_sleep'`).length,
    ).then(() => wire.cut())
  const cutAndSeen = async () => {
    const seen = closes()
    await wire.cut()
    await until(() => closes() > seen)
  }
  const moments: Record<string, (tx: TransactionSql) => Promise<unknown>> = {
    'while a statement runs': async (tx) => {
      await tx`insert into kept values (1)`
      await Promise.all([tx`select pg_sleep(3600)`, cutWhileRunning()])
    },
    'while several do': (tx) =>
      Promise.all([
        tx`insert into kept values (1)`,
        tx`select pg_sleep(3600)`,
        tx`select 1`,
        cutWhileRunning(),
      ]),
    'before it is committed': async (tx) => {
      await tx`insert into kept values (1)`
      await cutAndSeen()
    },
    'and the work fails as well': async (tx) => {
      await tx`insert into kept values (1)`
      await cutAndSeen()
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

// https://github.com/porsager/postgres/issues/1216
t.test('a statement that is made when the connection closes is refused in the same turn', async (t) => {
  const { url, sql: direct } = await createDatabase(t)
  let onClose = () => {}
  const sql = postgres(url, { max: 1, backoff: () => 0.01, onnotice: () => {}, onclose: () => onClose() })
  t.teardown(() => sql.end({ timeout: 0 }))
  const late: unknown[] = []
  const run = inTransaction(sql, async (tx) => {
    const [row] = await tx<[{ pid: number }]>`select pg_backend_pid() as pid`
    const closed = new Promise<void>((resolve) => {
      onClose = resolve
    })
    await direct`select pg_terminate_backend(${row.pid})`
    await closed
    // Where the close is known already, the handle throws before there is a statement.
    const attempts: (() => Promise<unknown>)[] = [
      async () => tx`select 1`,
      async () => tx.unsafe('select 1'),
      async () => tx.savepoint((part) => part`select 1`),
      async () => tx.notify('a', ''),
    ]
    late.push(...(await Promise.allSettled(attempts.map((attempt) => attempt()))))
  })
  await t.rejects(run, { code: 'CONNECTION_CLOSED' })
  await until(() => late.length)
  t.match(
    late,
    Array.from({ length: 4 }, () => ({ status: 'rejected', reason: { code: 'CONNECTION_CLOSED' } })),
  )
})

t.test(
  'work that ends in the turn in which its connection closes is neither committed nor undone',
  async (t) => {
    const { url, sql: direct } = await createDatabase(t)
    await direct`create table kept (id int)`
    let onClose = () => {}
    const sql = postgres(url, { max: 1, backoff: () => 0.01, onnotice: () => {}, onclose: () => onClose() })
    t.teardown(() => sql.end({ timeout: 0 }))
    for (const isFailing of [false, true]) {
      const run = inTransaction(sql, async (tx) => {
        const [row] = await tx<[{ pid: number }]>`
        insert into kept values (1) returning pg_backend_pid() as pid`
        const closed = new Promise<void>((resolve) => {
          onClose = resolve
        })
        await direct`select pg_terminate_backend(${row.pid})`
        await closed
        if (isFailing) throw new Error('of the work')
      })
      await t.rejects(run, { code: 'CONNECTION_CLOSED' })
      await until(() =>
        sql`select from kept`.then(
          (rows) => rows.length === 0,
          () => false,
        ),
      )
    }
  },
)

t.test(
  'a handle is refused when another server process answers, although nobody said that it closed',
  async (t) => {
    const { url, sql: direct } = await createDatabase(t)
    const pool = postgres(url, { max: 1, backoff: () => 0.01, onnotice: () => {} })
    t.teardown(() => pool.end({ timeout: 0 }))
    /** As a version of the library whose `begin` does not reject when the connection closes. */
    const silent = new Proxy(pool, {
      get(target, name): unknown {
        if (name !== 'begin') return Reflect.get(target, name)
        return (work: (tx: TransactionSql) => Promise<unknown>) =>
          new Promise((resolve) => void target.begin(work).then(resolve, () => {}))
      },
    })
    const late: unknown[] = []
    const run = inTransaction(silent, async (tx) => {
      const [row] = await tx<[{ pid: number }]>`select pg_backend_pid() as pid`
      await direct`select pg_terminate_backend(${row.pid})`
      await until(() =>
        pool`select 1`.then(
          () => true,
          () => false,
        ),
      )
      const [outcome] = await Promise.allSettled([(async () => tx`select 1`)()])
      late.push(outcome)
    })
    await t.rejects(run, { message: 'The connection was made anew.' })
    await until(() => late.length)
    t.match(late, [{ status: 'rejected', reason: { code: 'CONNECTION_CLOSED' } }])
  },
)

t.test('what was asked for before the work ends is part of it, awaited or not', async (t) => {
  const { sql } = await setUp(t)
  await inTransaction(sql, async (tx) => {
    void tx`insert into kept values (1)`.execute()
    void (async () => tx`insert into kept values (2)`)()
    void tx.unsafe('insert into kept values (3)').execute()
  })
  t.same(await sql`select id from kept order by id`, [{ id: 1 }, { id: 2 }, { id: 3 }])
})

t.test('a notification is sent when the transaction is committed, and only then', async (t) => {
  const { sql, direct } = await setUp(t)
  const heard: string[] = []
  await direct.listen('heard', (payload) => heard.push(payload))
  const undone = inTransaction(sql, async (tx) => {
    await tx.notify('heard', 'undone')
    throw new Error('of the work')
  })
  await t.rejects(undone, { message: 'of the work' })
  await inTransaction(sql, async (tx) => {
    await tx.notify('heard', 'committed')
  })
  await until(() => heard.length)
  t.same(heard, ['committed'])
})

t.test('a handle can be used in all of its ways', async (t) => {
  const { sql } = await setUp(t)
  const folder = t.testdir({ 'select.sql': 'select 1 as one', 'values.sql': 'select $1::int as one' })
  const rows = await inTransaction(sql, async (tx) => {
    const cursor: unknown[] = []
    for await (const found of tx`select * from generate_series(1, 3) one`.cursor(2)) cursor.push(...found)
    const read: unknown[] = []
    await tx`select * from generate_series(1, 3) one`.cursor(2, (found) => void read.push(...found))
    const first: unknown[] = []
    for await (const found of tx`select * from generate_series(1, 3) one`.cursor(1)) {
      first.push(...found)
      break
    }
    const left: unknown[] = []
    await tx`select * from generate_series(1, 3) one`.cursor(1, (found) => {
      left.push(...found)
      return sql.CLOSE
    })
    const each: unknown[] = []
    await tx`select * from generate_series(1, 3) one`.forEach((row) => void each.push(row))
    return {
      cursor,
      read,
      first,
      left,
      each,
      file: await tx.file(`${folder}/select.sql`),
      values: await tx.file(`${folder}/values.sql`, [1]),
      missing: await tx.file(`${folder}/none.sql`).catch((error: NodeJS.ErrnoException) => error.code),
      raw: await tx`select 1 as one`.values(),
      unsafe: await tx.unsafe('select $1::int as one', [1]),
      columns: await tx`select ${tx('one')} from ${tx(`kept`)} k(one)`,
      json: await tx`select ${tx.json({ a: 1 })} as one`,
      several: await tx.savepoint((part) => [part`select 1 as one`, part`select 2 as one`]),
      part: await tx.savepoint('named', (part) => part`select 1 as one`),
      undone: await tx.savepoint((part) => part`select 1 / 0`).catch((error: { code: string }) => error.code),
    }
  })
  const one = [{ one: 1 }]
  const three = [{ one: 1 }, { one: 2 }, { one: 3 }]
  t.same(rows, {
    cursor: three,
    read: three,
    first: one,
    left: one,
    each: three,
    file: one,
    values: one,
    missing: 'ENOENT',
    raw: [[1]],
    unsafe: one,
    columns: [],
    json: [{ one: { a: 1 } }],
    several: [one, [{ one: 2 }]],
    part: one,
    undone: '22012',
  })
})

t.test('whatever this version of the library gives to a handle is known to the guard', async (t) => {
  const { sql } = await setUp(t)
  const own = await sql.begin(async (tx) => Object.keys(tx))
  const guarded = await inTransaction(sql, async (tx) => own.filter((name) => Reflect.get(tx, name)))
  t.same(guarded.toSorted(), own.toSorted())
})
