import t from 'tap'
import { holdCalls } from '../../support/held-calls.ts'
import { addPeople } from '../../support/people.ts'
import { createWorld } from '../../support/service.ts'
import { until } from '../../support/until.ts'
import { readStatuses, startWalker } from './walker.ts'

t.test(
  'the nightly job runs on one of two instances, and goes on elsewhere when that one stops',
  async (t) => {
    const world = await createWorld(t, { records: [] })
    const { airtable, sql } = world
    await addPeople(airtable, 1000)
    const walkers = [await startWalker(t, world, '* * * * *'), await startWalker(t, world, '* * * * *')]
    const held = holdCalls(airtable)
    for (const { app } of walkers) await app.listen({ port: 0 })
    await until(() => held.unanswered() === 1)
    held.letGo()
    await until(async () => Object.keys(await readStatuses(sql)).length === 100 && held.unanswered() === 1)
    const started = walkers.filter(({ logText }) => logText().includes('reconcile.started'))
    t.equal(started.length, 1)
    await started[0]?.app.close()
    held.end()
    t.match(started[0]?.logText(), '"event":"job.interrupted","job":"reconcile"')
    const [job] =
      await sql`select state, data, jsonb_typeof(data) as type from firstlogin_jobs.job where name = 'reconcile'`
    t.match(job, { state: 'retry', data: {}, type: 'object' })
    // A minute later; here at once.
    await sql`update firstlogin_jobs.job set start_after = now() where name = 'reconcile'`
    const other = walkers.find((walker) => walker !== started[0])
    await until(() => other?.logText().includes('"event":"job.finished","job":"reconcile"'), 100_000)
    t.equal(Object.keys(await readStatuses(sql)).length, 1000)
    t.ok(airtable.calls().total <= 11, `${airtable.calls().total} calls`)
  },
)
