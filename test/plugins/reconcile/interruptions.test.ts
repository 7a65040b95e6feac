import t from 'tap'
import { holdCalls } from '../../support/held-calls.ts'
import { addPeople } from '../../support/people.ts'
import { createWorld, type World } from '../../support/service.ts'
import { idOf, startWalker } from './walker.ts'

/** Stops a run after so many pages. */
async function walkPages(walk: Awaited<ReturnType<typeof startWalker>>['walk'], count: number) {
  const stopping = new AbortController()
  await walk({
    signal: stopping.signal,
    onProgress: ({ pages }) => void (pages === count && stopping.abort(new Error('stopped'))),
  }).then(
    () => {
      throw new Error('It was not stopped.')
    },
    (error: unknown) => {
      if (!(error instanceof Error && error.message === 'stopped')) throw error
    },
  )
}

const countRows = async ({ sql }: World) =>
  (await sql<{ count: number }[]>`select count(*)::int from firstlogin.users`)[0]?.count

t.test('an interrupted run resumes where it was, on any instance', async (t) => {
  const world = await createWorld(t, { records: [] })
  const { airtable, sql } = world
  const one = await startWalker(t, world)
  const two = await startWalker(t, world)
  await addPeople(airtable, 450)
  await walkPages(one.walk, 2)
  t.equal(await countRows(world), 200)
  t.match(await two.walk(), { pages: 5, seen: 450, changed: 450, vanished: [] })
  t.equal(airtable.calls().total, 5, 'no page was read twice')
  t.match(await sql`select state, pages from firstlogin.listings`, [{ state: 'complete', pages: 5 }])

  airtable.resetCalls()
  airtable.records.remove(idOf('person', 449))
  await walkPages(one.walk, 5)
  t.match(await two.walk(), { pages: 5, seen: 449, vanished: [{ externalId: idOf('person', 449) }] })
  t.equal(airtable.calls().total, 6, 'all pages were read: only the missed one was asked for')
})

t.test('a killed worker is taken over from when its lease is over', async (t) => {
  const world = await createWorld(t, { records: [] })
  const { airtable, sql } = world
  const { walk } = await startWalker(t, world)
  await addPeople(airtable, 250)
  await walkPages(walk, 1)
  const lease = (seconds: number) => sql`
    update firstlogin.listings set worker = gen_random_uuid(), worker_until = now() + make_interval(secs => ${seconds})`
  await lease(60)
  await t.rejects(walk(), { code: 'FL_RECONCILE_BUSY' })
  await lease(1)
  t.match(await walk({ turnMs: 5000 }), { pages: 3, seen: 250 })
  t.equal(airtable.calls().total, 3)
})

t.test('of two at once one does it, also in one process', async (t) => {
  const world = await createWorld(t, { records: [] })
  const { walk } = await startWalker(t, world)
  const other = await startWalker(t, world)
  await addPeople(world.airtable, 150)
  const settled = await Promise.allSettled([walk(), walk(), other.walk()])
  t.same(settled.map(({ status }) => status).sort(), ['fulfilled', 'rejected', 'rejected'])
  for (const one of settled) if (one.status === 'rejected') t.match(one.reason, { code: 'FL_RECONCILE_BUSY' })
  t.equal(world.airtable.calls().total, 2)
})

t.test('whoever lost the lease in the middle writes no more', async (t) => {
  const world = await createWorld(t, { records: [] })
  const { walk } = await startWalker(t, world)
  await addPeople(world.airtable, 250)
  let stealing: Promise<unknown> | undefined
  const onProgress = () => {
    // The next page is not answered before another worker has the lease.
    const held = holdCalls(world.airtable)
    stealing ??= world.sql`update firstlogin.listings set worker = gen_random_uuid()`.then(() => held.end())
  }
  await t.rejects(walk({ onProgress }), { code: 'FL_RECONCILE_BUSY' })
  await stealing
  t.equal(await countRows(world), 100)
})

t.test('a listing that Airtable has forgotten begins again, but not for ever', async (t) => {
  const world = await createWorld(t, { records: [] })
  const { airtable } = world
  const { walk, logText } = await startWalker(t, world)
  await addPeople(airtable, 250)
  await walkPages(walk, 2)
  airtable.expireIterators()
  t.match(await walk(), { pages: 3, seen: 250, changed: 250, vanished: [] })
  t.equal(airtable.calls().total, 2 + 1 + 3)
  t.match(logText(), '"event":"reconcile.restarted"')

  await t.rejects(walk({ onProgress: () => airtable.expireIterators() }), { code: 'FL_UPSTREAM_UNAVAILABLE' })
})

t.test('pages that were read long ago are read again before anybody is missed', async (t) => {
  const world = await createWorld(t, { records: [] })
  const { airtable, sql } = world
  const { walk } = await startWalker(t, world)
  await addPeople(airtable, 10)
  await walkPages(walk, 1)
  await sql`update firstlogin.listings set started_at = now() - interval '1 day'`
  airtable.records.put(idOf('person', 1), { Name: 'Changed since' })
  t.match(await walk(), { pages: 1, seen: 10, changed: 11 })
  t.equal(airtable.calls().total, 2)
})
