import t from 'tap'
import { addPeople } from '../../support/people.ts'
import { untilTrue } from '../../support/process.ts'
import { createWorld } from '../../support/service.ts'
import { readStatuses, startWalker } from './walker.ts'

t.test(
  'the nightly job runs on one of two instances, and goes on elsewhere when that one stops',
  async (t) => {
    const world = await createWorld(t, { records: [] })
    const { airtable, sql } = world
    await addPeople(airtable, 1000)
    const walkers = [await startWalker(t, world, '* * * * *'), await startWalker(t, world, '* * * * *')]
    for (const { app } of walkers) await app.listen({ port: 0 })
    t.ok(await untilTrue(async () => Object.keys(await readStatuses(sql)).length >= 100, 8000))
    const started = walkers.filter(({ logText }) => logText().includes('reconcile.started'))
    t.equal(started.length, 1)
    const began = performance.now()
    await started[0]?.app.close()
    t.ok(performance.now() - began < 3000, `it stops at once: ${Math.round(performance.now() - began)} ms`)
    t.match(started[0]?.logText(), '"event":"job.interrupted","job":"reconcile"')
    const [job] =
      await sql`select state, data, jsonb_typeof(data) as type from firstlogin_jobs.job where name = 'reconcile'`
    t.match(job, { state: 'retry', data: {}, type: 'object' })
    // A minute later; here at once.
    await sql`update firstlogin_jobs.job set start_after = now() where name = 'reconcile'`
    const other = walkers.find((walker) => walker !== started[0])
    t.ok(
      await untilTrue(
        () => other?.logText().includes('"event":"job.finished","job":"reconcile"') === true,
        10_000,
      ),
    )
    t.equal(Object.keys(await readStatuses(sql)).length, 1000)
    t.ok(airtable.calls().total <= 11, `${airtable.calls().total} calls`)
  },
)
