import Fastify from 'fastify'
import t, { type Test } from 'tap'
import db from '../../plugins/db.ts'
import jobs, { type Job } from '../../plugins/jobs.ts'
import { createDatabase } from '../support/database.ts'
import { untilTrue } from '../support/process.ts'

async function startWorker(t: Test, url: string, own: Job[], lines: string[] = []) {
  const app = Fastify({ logger: { stream: { write: (line: string) => void lines.push(line) } } })
  t.teardown(() => app.close())
  await app.register(db, { database: url })
  await app.register(jobs, { pollS: 1 })
  for (const job of own) app.jobs.define(job)
  await app.listen()
  return app
}

t.test('a job that is asked for while it waits is done once, on one of the instances', async (t) => {
  const { url, sql } = await createDatabase(t)
  const done: unknown[] = []
  let finish = () => {}
  const isFirstOver = new Promise<void>((resolve) => (finish = resolve))
  const job = {
    name: 'greet',
    schedule: '0 3 * * *',
    async work(data: Record<string, string>) {
      done.push(data)
      await isFirstOver
    },
  }
  const [one, two] = await Promise.all([startWorker(t, url, [job]), startWorker(t, url, [job])])
  await one.jobs.request('greet', { name: 'Ada' })
  t.ok(await untilTrue(() => done.length === 1))
  for (const app of [one, two, one, two]) await app.jobs.request('greet', { name: 'Grace' })
  const waiting = async () =>
    (await sql`select from firstlogin_jobs.job where name = 'greet' and state in ('created', 'retry')`).length
  t.equal(await waiting(), 1)
  t.same(done, [{ name: 'Ada' }], 'not while it runs')
  finish()
  t.ok(await untilTrue(() => done.length === 2))
  t.equal(await waiting(), 0)
  t.same(done, [{ name: 'Ada' }, { name: 'Grace' }])
  const schedules = await sql`select name, cron, timezone from firstlogin_jobs.schedule`
  t.same(schedules, [{ name: 'greet', cron: '0 3 * * *', timezone: 'UTC' }])
})

t.test('a job is done when its time has come, and no more once it has none', async (t) => {
  const { url, sql } = await createDatabase(t)
  const done: unknown[] = []
  const job = { name: 'greet', work: async (data: Record<string, string>) => void done.push(data) }
  const app = await startWorker(t, url, [{ ...job, schedule: '* * * * *' }])
  t.ok(await untilTrue(() => done.length > 0))
  t.same(done, [{}])
  t.same(await sql`select distinct jsonb_typeof(data) as type from firstlogin_jobs.job`, [{ type: 'object' }])
  await app.close()
  await startWorker(t, url, [job])
  t.ok(await untilTrue(async () => (await sql`select 1 from firstlogin_jobs.schedule`).length === 0))
})

t.test('a job that fails is tried again, and says why', async (t) => {
  const { url, sql } = await createDatabase(t)
  const lines: string[] = []
  let tries = 0
  async function work() {
    if (++tries === 1) throw new Error('out of luck')
  }
  const has = async (state: string) =>
    (await sql`select 1 from firstlogin_jobs.job where state::text = ${state}`).length > 0
  const app = await startWorker(t, url, [{ name: 'try', work }], lines)
  await app.jobs.request('try')
  t.ok(await untilTrue(() => has('retry')))
  t.match(lines.join(''), /"event":"job.failed","job":"try".*out of luck/)
  // In a minute; here at once.
  await sql`update firstlogin_jobs.job set start_after = now()`
  t.ok(await untilTrue(() => has('completed')))
  t.equal(tries, 2)
})

t.test('jobs begin once the database lets them, and a fault of it in the middle ends nothing', async (t) => {
  const { url, sql } = await createDatabase(t)
  const lines: string[] = []
  const faults = () => lines.filter((line) => line.includes('"event":"jobs.failed"')).length
  let tries = 0
  let finish = () => {}
  async function work() {
    tries++
    await new Promise<void>((resolve) => (finish = resolve))
  }
  await sql`create schema firstlogin_jobs create table version (nonsense text)`
  const app = await startWorker(t, url, [{ name: 'greet', work }], lines)
  t.ok(await untilTrue(() => faults() > 0))
  await sql`drop schema firstlogin_jobs cascade`
  await app.jobs.request('greet')
  t.ok(await untilTrue(() => tries === 1))

  const before = faults()
  await sql`alter table firstlogin_jobs.job rename to away`
  finish()
  t.ok(await untilTrue(() => faults() > before))
  await sql`alter table firstlogin_jobs.away rename to job`
  t.match(await sql`select state from firstlogin_jobs.job where name = 'greet'`, [{ state: 'active' }])
})
