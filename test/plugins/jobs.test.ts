import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import db from '../../plugins/db.ts'
import jobs, { type Job } from '../../plugins/jobs.ts'
import { createDatabase } from '../support/database.ts'

async function startWorker(t: Test, url: string, own: Job[]) {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(db, { database: url })
  await app.register(jobs)
  for (const job of own) app.jobs.define(job)
  await app.listen()
  return app
}

async function until(isTrue: () => boolean) {
  for (let tries = 0; !isTrue() && tries < 300; tries++) await sleep(50)
}

t.test('a job that is asked for is done once, on one of the instances', async (t) => {
  const { url, sql } = await createDatabase(t)
  const done: unknown[] = []
  const job = {
    name: 'greet',
    schedule: '0 3 * * *',
    work: async (data: Record<string, string>) => void done.push(data),
  }
  const [one, two] = await Promise.all([startWorker(t, url, [job]), startWorker(t, url, [job])])
  await Promise.all([one, two].map((app) => app.jobs.request('greet', { name: 'Ada' })))
  await until(() => done.length > 0)
  await sleep(300)
  t.same(done, [{ name: 'Ada' }])
  const schedules = await sql`select name, cron, timezone from firstlogin_jobs.schedule`
  t.same(schedules, [{ name: 'greet', cron: '0 3 * * *', timezone: 'UTC' }])
})
