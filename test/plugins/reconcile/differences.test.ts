import t from 'tap'
import { addPeople, password } from '../../support/people.ts'
import { createWorld } from '../../support/service.ts'
import { idOf, readStatuses, startWalker } from './walker.ts'

t.test('what differs is applied and counted, and a second run finds no difference', async (t) => {
  const world = await createWorld(t, { records: [] })
  const { airtable, sql } = world
  const { walk, logText } = await startWalker(t, world)
  await addPeople(airtable, 120)
  const progress: [number, number, number][] = []
  const first = await walk({
    onProgress: ({ pages, seen, changed }) => void progress.push([pages, seen, changed]),
  })
  t.match(first, { upstream: 'airtable', pages: 2, seen: 120, changed: 120, known: 0, isRefused: false })
  t.same(first.vanished, [])
  t.same(
    progress,
    [
      [1, 100, 100],
      [2, 120, 120],
    ],
    'after every page',
  )
  t.equal(Object.keys(await readStatuses(sql)).length, 120)

  airtable.resetCalls()
  t.match(await walk(), { pages: 2, seen: 120, changed: 0, known: 120 })
  t.equal(airtable.calls().total, 2)

  airtable.records.put(idOf('person', 3), { Name: 'Somebody Else' })
  airtable.records.put(idOf('person', 110), { Status: 'Disabled' })
  t.match(await walk(), { changed: 2 })
  t.match(await sql`select name from firstlogin.users where email_canonical = 'person.3@example.org'`, [
    { name: 'Somebody Else' },
  ])
  t.equal((await readStatuses(sql))['person.110@example.org'], 'disabled')
  t.match(logText(), '"event":"reconcile.finished"')
  t.notMatch(logText(), 'example.org', 'no address in the log')
  t.same(
    await sql`select state, pages, seen, changed, vanished from firstlogin.listings order by started_at`,
    [
      { state: 'complete', pages: 2, seen: 120, changed: 120, vanished: 0 },
      { state: 'complete', pages: 2, seen: 120, changed: 0, vanished: 0 },
      { state: 'complete', pages: 2, seen: 120, changed: 2, vanished: 0 },
    ],
  )
})

t.test('a call that fails removes nobody: 403, 401, 404, 500, no answer, half an answer', async (t) => {
  const world = await createWorld(t, { records: [] })
  const { walk, app } = await startWalker(t, world)
  await addPeople(world.airtable, 3)
  await walk()
  for (const kind of ['forbidden', 'unauthorized', 'error_500', 'reset', 'malformed', 'half_body'] as const) {
    world.airtable.setFault({ kind })
    await t.rejects(walk(), { code: 'FL_UPSTREAM_UNAVAILABLE' }, kind)
  }
  world.airtable.heal()
  await app.sql`delete from firstlogin.upstream_gates`
  const other = await startWalker(t, { ...world, env: () => world.env({ AIRTABLE_TABLE: 'Elsewhere' }) })
  await t.rejects(other.walk(), { code: 'FL_UPSTREAM_UNAVAILABLE' }, '404')
  t.same(new Set(Object.values(await readStatuses(world.sql))), new Set(['active']))
  await app.sql`delete from firstlogin.upstream_gates`
  t.match(await walk(), { seen: 3, changed: 0 }, 'and the next run goes on')
})

t.test('an empty table is a listing, too: a run never disables all users', async (t) => {
  const world = await createWorld(t, { records: [] })
  const { walk, logText } = await startWalker(t, world)
  await addPeople(world.airtable, 3)
  await walk()
  for (let index = 0; index < 3; index++) world.airtable.records.remove(idOf('person', index))
  const report = await walk()
  t.match(report, { seen: 0, known: 3, isRefused: true })
  t.equal(report.vanished.length, 3)
  t.same(new Set(Object.values(await readStatuses(world.sql))), new Set(['active']))
  t.match(logText(), /"level":50,.*"event":"reconcile.finished"/)
  t.match(await walk({ force: true }), { isRefused: false })
  t.same(new Set(Object.values(await readStatuses(world.sql))), new Set(['disabled']))
  t.same((await walk()).vanished, [], 'who vanished before is not reported again')
})

t.test('at most two of ten vanish in a run; their sessions end until they are back', async (t) => {
  const world = await createWorld(t, { records: [] })
  const { airtable, sql } = world
  const { walk } = await startWalker(t, world)
  const service = await world.start()
  const emails = await addPeople(airtable, 10)
  await walk()
  const [gone = '', other = ''] = emails
  const refreshToken = (await service.login(gone, password)).json().refreshToken
  const records = [0, 1, 2].map((index) => airtable.records.find(idOf('person', index)))
  for (const index of [0, 1, 2]) airtable.records.remove(idOf('person', index))
  t.match(await walk(), { isRefused: true, known: 10, disabled: 0 }, 'three of ten are too many')
  t.equal((await readStatuses(sql))[gone], 'active')

  // An undo in Airtable: the same id and the same Last Modified as before.
  const undo = (index: number) => {
    airtable.records.put(idOf('person', index), records[index]?.fields ?? {})
  }
  undo(1)
  undo(2)
  const report = await walk()
  t.match(report, { isRefused: false, changed: 0 })
  t.same(report.vanished, [{ externalId: idOf('person', 0), email: gone }], 'one of ten is not')
  t.match(await readStatuses(sql), { [gone]: 'disabled', [other]: 'active' })
  const refresh = () =>
    service.app.inject({ method: 'POST', url: '/api/auth/refresh', payload: { refreshToken } })
  t.equal((await refresh()).statusCode, 401)

  undo(0)
  t.match(await walk(), { changed: 1, vanished: [] })
  t.equal((await readStatuses(sql))[gone], 'active')
  t.equal((await service.login(gone, password)).statusCode, 200)
})

t.test('who was deleted stays deleted, and is neither listed nor missed', async (t) => {
  const world = await createWorld(t, { records: [] })
  const { app, walk } = await startWalker(t, world)
  await addPeople(world.airtable, 1)
  await walk()
  const stamp = { at: Date.now(), event: 'deleted' }
  await app.provisioner.apply([
    { type: 'user.deleted', upstream: 'airtable', externalId: idOf('person', 0), stamp },
  ])
  t.match(await walk(), { changed: 0, known: 0, vanished: [] })
  t.match(await world.sql`select status from firstlogin.users`, [{ status: 'deleted' }])
  world.airtable.records.remove(idOf('person', 0))
  t.match(await walk(), { changed: 0, vanished: [] })
})
