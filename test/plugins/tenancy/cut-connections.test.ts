import { randomInt } from 'node:crypto'
import type { TransactionSql } from 'postgres'
import t, { type Test } from 'tap'
import { createRandom } from '../../domain/signature/forgery/random.ts'
import { createDatabase } from '../../support/database.ts'
import { createProxy } from '../../support/proxy.ts'
import { until } from '../../support/until.ts'
import { cutAtRandom } from './cut-at-random.ts'
import { type Cut, createCuts } from './cuts.ts'
import { createMarks, type MarkedHost, type Marks, poolKinds } from './marks.ts'
import { listUses } from './uses.ts'

type Outcomes = Record<string, unknown>
interface Scene {
  marks: Marks
  host: MarkedHost
  cut: Cut
}

const run = 'run'

async function setUp(t: Test): Promise<{ marks: Marks; cuts: Record<string, Cut> }> {
  const { url, sql } = await createDatabase(t)
  const wire = await createProxy(t, url)
  const marks = await createMarks({ url: wire.url, sql }, run)
  t.teardown(() => marks.close())
  return { marks, cuts: createCuts(sql, wire) }
}

const pidOf = async (tx: TransactionSql) => {
  const [row] = await tx<[{ pid: number }]>`select pg_backend_pid() as pid`
  return row.pid
}

const outcomeOf = (work: () => PromiseLike<unknown>): Promise<unknown> =>
  (async () => work())().then(
    () => 'it ran',
    (error: unknown) => error,
  )

async function useAll(marks: Marks, tx: TransactionSql): Promise<Outcomes> {
  const outcomes: Outcomes = {}
  for (const [name, use] of Object.entries(listUses(run, marks.file)))
    outcomes[name] = await outcomeOf(() => use(tx))
  return outcomes
}

/** Uses the handle in every way while a transaction of another organization is open on the pool. */
async function useLate({ host, marks }: Scene, handle: TransactionSql): Promise<Outcomes> {
  await host.reconnect()
  return host.enter(marks.south, 'bystander', async (tx) => {
    const outcomes = await useAll(marks, handle)
    await tx`select mark('bystander')`
    return outcomes
  })
}

/** A moment at which the connection is cut: answers how the transaction ended, and what became of later uses. */
type Moment = (scene: Scene) => Promise<{ ended: unknown; uses: Outcomes[] }>

/** While the work goes on. */
function during(work: (scene: Scene, tx: TransactionSql) => Promise<Outcomes[]>): Moment {
  return async (scene) => {
    const found: Outcomes[][] = []
    const ended = await outcomeOf(() =>
      scene.host.enter(scene.marks.north, run, async (tx) => void found.push(await work(scene, tx))),
    )
    return { ended, uses: await until(() => found[0]) }
  }
}

/** When the work has nothing left to do. */
function atTheEnd(finish: () => Promise<void>): Moment {
  return async (scene) => {
    const { host, marks, cut } = scene
    const handles: TransactionSql[] = []
    const ended = await outcomeOf(() =>
      host.enter(marks.north, run, async (tx) => {
        handles.push(tx)
        await useAll(marks, tx)
        await cut(await pidOf(tx))
        await host.reconnect()
        await finish()
      }),
    )
    return { ended, uses: await Promise.all(handles.map((handle) => useLate(scene, handle))) }
  }
}

const moments: Record<string, Moment> = {
  'before the first use': during(async (scene, tx) => {
    await scene.cut(await pidOf(tx))
    return [await useLate(scene, tx)]
  }),
  'after it was used': during(async (scene, tx) => {
    await useAll(scene.marks, tx)
    await scene.cut(await pidOf(tx))
    return [await useLate(scene, tx)]
  }),
  'while statements run': during(async (scene, tx) => {
    const { marks, cut } = scene
    const pid = await pidOf(tx)
    const running = tx`select mark(${run}), pg_sleep(3600)`.execute()
    const waiting = Object.entries(listUses(run, marks.file)).map(
      async ([name, use]) => [name, await outcomeOf(() => use(tx))] as const,
    )
    await until(() => isRunning(marks, pid))
    await cut(pid)
    const outcomes = { 'the one that runs': await outcomeOf(() => running) }
    return [{ ...outcomes, ...Object.fromEntries(await Promise.all(waiting)) }, await useLate(scene, tx)]
  }),
  'between making and awaiting': during(async (scene, tx) => {
    const lazy = {
      'a statement': tx`select mark(${run})`,
      'unsafe text': tx.unsafe(`select mark('${run}')`),
      'a file': tx.file(scene.marks.file),
    }
    await scene.cut(await pidOf(tx))
    await scene.host.reconnect()
    const outcomes: Outcomes = {}
    for (const [name, statement] of Object.entries(lazy)) outcomes[name] = await outcomeOf(() => statement)
    return [outcomes]
  }),
  'between the rows of a cursor': during(async (scene, tx) => {
    const { host, cut } = scene
    const pid = await pidOf(tx)
    const outcome = await outcomeOf(async () => {
      for await (const [row] of tx`select mark(${run}) from generate_series(1, 3)`.cursor(1)) {
        if (!row) continue
        await cut(pid)
        await host.reconnect()
      }
    })
    return [{ 'the next rows': outcome }, await useLate(scene, tx)]
  }),
  'while a cursor’s function is at work': during(async (scene, tx) => {
    const { host, cut } = scene
    const pid = await pidOf(tx)
    const outcome = await outcomeOf(() =>
      tx`select mark(${run}) from generate_series(1, 3)`.cursor(1, async () => {
        await cut(pid)
        await host.reconnect()
      }),
    )
    return [{ 'the cursor': outcome }, await useLate(scene, tx)]
  }),
  'before a cursor’s function fails': during(async (scene, tx) => {
    const { host, cut } = scene
    const pid = await pidOf(tx)
    await outcomeOf(() =>
      tx`select mark(${run}) from generate_series(1, 3)`.cursor(1, async () => {
        await cut(pid)
        await host.reconnect()
        throw new Error('of the function')
      }),
    )
    return [await useLate(scene, tx)]
  }),
  'in a savepoint': during(async (scene, tx) => {
    const handles = [tx]
    const part = await outcomeOf(() =>
      tx.savepoint(async (inside) => {
        handles.push(inside)
        await inside`select mark(${run})`
        await scene.cut(await pidOf(inside))
        await scene.host.reconnect()
        throw new Error('of the part')
      }),
    )
    const uses: Outcomes[] = [{ 'the savepoint': part }]
    for (const handle of handles) uses.push(await useLate(scene, handle))
    return uses
  }),
  'before it is committed': atTheEnd(async () => {}),
  'before it is undone': atTheEnd(() => Promise.reject(new Error('of the work'))),
}

async function isRunning({ sql }: Marks, pid: number): Promise<boolean> {
  const rows = await sql`
    select from pg_stat_activity where pid = ${pid} and state = 'active' and query ~ 'pg_sleep'`
  return rows.length > 0
}

const isRefused = (outcome: unknown) =>
  outcome instanceof Error &&
  (outcome.message.startsWith('The transaction is over') || isOfConnection(outcome))
const isOfConnection = (outcome: unknown) =>
  outcome instanceof Error &&
  'code' in outcome &&
  /^(CONNECTION_CLOSED|CONNECTION_DESTROYED|ECONNRESET|EPIPE)$/.test(String(outcome.code))

for (const kind of poolKinds) {
  t.test(`on ${kind} no use of a handle outlives its connection, whenever that is cut`, async (t) => {
    const { marks, cuts } = await setUp(t)
    const host = await marks.open(kind)
    t.teardown(() => host.close())
    for (const [cutName, cut] of Object.entries(cuts)) {
      for (const [momentName, cutAt] of Object.entries(moments)) {
        const { ended, uses } = await cutAt({ marks, host, cut })
        t.ok(isOfConnection(ended), `${cutName} ${momentName}`, { ended })
        for (const [name, outcome] of uses.flatMap((outcomes) => Object.entries(outcomes)))
          t.ok(isRefused(outcome), `${cutName} ${momentName}: ${name}`, { outcome })
      }
    }
    const { ran, escaped } = await marks.counts()
    t.equal(escaped, 0, 'no statement outside of its transaction')
    t.ok(ran > 0)
  })
}

for (const kind of poolKinds) {
  t.test(`on ${kind} no statement leaves its transaction when connections are cut at random`, async (t) => {
    const { marks, cuts } = await setUp(t)
    const host = await marks.open(kind)
    t.teardown(() => host.close())
    const seed = randomInt(2 ** 31)
    const random = createRandom(seed)
    const found = await cutAtRandom({ marks, host, cuts: Object.values(cuts), random }, 30)
    t.equal((await marks.counts()).escaped, 0, `seed ${seed}`)
    t.ok(found.cut > 0, 'some were cut')
  })
}
