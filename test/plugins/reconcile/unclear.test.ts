import t from 'tap'
import { addPeople } from '../../support/people.ts'
import { createWorld } from '../../support/service.ts'
import { idOf, readStatuses, startWalker } from './walker.ts'

t.test('records without a usable e-mail are nobody, and whoever loses theirs is not gone', async (t) => {
  const world = await createWorld(t, { records: [] })
  const { airtable, sql } = world
  const { walk } = await startWalker(t, world)
  await addPeople(airtable, 2)
  airtable.records.put('recWithoutEmail01', { Name: 'Nobody' })
  airtable.records.put('recUnusableMail01', { Email: 'not an address', Name: 'Nobody' })
  t.match(await walk(), { seen: 4, changed: 2 })
  airtable.records.put(idOf('person', 0), { Email: null })
  airtable.records.put(idOf('person', 1), { Email: 'not an address' })
  airtable.resetCalls()
  t.match(await walk({ force: true }), { seen: 4, changed: 0, vanished: [] })
  t.equal(airtable.calls().total, 2, 'they are asked for by id')
  t.same(await readStatuses(sql), { 'person.0@example.org': 'active', 'person.1@example.org': 'active' })
})

t.test('of two records with one address on a page nobody is made, and nobody is gone', async (t) => {
  const world = await createWorld(t, { records: [] })
  const { airtable, sql } = world
  const { walk, logText } = await startWalker(t, world)
  await addPeople(airtable, 1)
  await walk()
  airtable.records.put('recTwinOfPerson01', { Email: 'PERSON.0@example.org', Name: 'Twin', Role: 'Owner' })
  airtable.records.put('recTwinNewcomer01', { Email: 'twin@example.org' })
  airtable.records.put('recTwinNewcomer02', { Email: 'Twin@example.org' })
  const report = await walk({ force: true })
  t.match(report, { seen: 4, changed: 0, vanished: [] })
  t.match(
    report.unusable,
    Array.from({ length: 4 }, () => ({ reason: 'reconcile.ambiguous' })),
    'each of them is named',
  )
  t.match(await sql`select name, role, status from firstlogin.users`, [
    { name: 'Person 0', role: 'member', status: 'active' },
  ])
  t.match(logText(), /"event":"reconcile.ambiguous","records":\[("rec.{14}",?){4}\]/)
  t.match(logText(), 'recTwinOfPerson01')
})

t.test('over two pages the second record with an address is left out, and nobody is gone', async (t) => {
  const world = await createWorld(t, { records: [] })
  const { airtable, sql } = world
  const { walk, logText } = await startWalker(t, world)
  await addPeople(airtable, 100)
  airtable.records.put('recTwinOnPageTwo1', { Email: 'PERSON.0@example.org', Name: 'Twin', Role: 'Owner' })
  await walk()
  t.match(await walk({ force: true }), { pages: 2, seen: 101, changed: 0, vanished: [] })
  t.match(
    await sql`select name, role, status from firstlogin.users where email_canonical = 'person.0@example.org'`,
    [{ name: 'Person 0', role: 'member', status: 'active' }],
  )
  t.match(logText(), '"event":"reconcile.ambiguous","records":["recTwinOnPageTwo1"]')

  // The first goes: the second is the person now, and not somebody else.
  airtable.records.remove(idOf('person', 0))
  t.match(await walk(), { seen: 100, changed: 1, vanished: [] })
  t.match(
    await sql`select name, status from firstlogin.users where email_canonical = 'person.0@example.org'`,
    [{ name: 'Twin', status: 'active' }],
  )
})

t.test('whoever comes by an event or a login while the walk is under way is not gone', async (t) => {
  const world = await createWorld(t, { records: [] })
  const { airtable, sql } = world
  const { app, walk } = await startWalker(t, world)
  await addPeople(airtable, 101)
  let isFirst = true
  const add = async () => {
    airtable.records.put('recComesMeanwhile', { Email: 'meanwhile@example.org' })
    airtable.records.put('recComesByEvent01', { Email: 'event@example.org' })
    const found = await app.upstreams[0]?.lookup?.find(() => ({
      emails: ['meanwhile@example.org' as never],
      externalIds: [],
    }))
    // An event may be older than the walk, and its person is on no page of it.
    const stamp = { at: Date.now() - 60_000, event: 'event' }
    const fields = { email: 'event@example.org' }
    const told = { type: 'user.upserted', upstream: 'airtable', created: true, fields, stamp } as const
    await app.provisioner.apply([...(found ?? []), { ...told, externalId: 'recComesByEvent01' }])
  }
  let adding: Promise<void> | undefined
  const report = await walk({
    force: true,
    onProgress() {
      if (isFirst) adding = add()
      isFirst = false
    },
  })
  await adding
  t.match(report, { seen: 101, vanished: [] }, 'the pages show what was there at the start')
  t.match(await readStatuses(sql), { 'meanwhile@example.org': 'active', 'event@example.org': 'active' })
})
