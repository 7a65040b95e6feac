import t from 'tap'
import { send, syncOn, toEvent } from '../../support/events.ts'
import { addPeople, password } from '../../support/people.ts'
import { createWorld } from '../../support/service.ts'
import { until } from '../../support/until.ts'

const email = 'person.0@example.org'
const first = 'recperson00000000'
const second = 'recSecond00000001'

/** Somebody who is known by an event, without the password that the table has. */
async function createKnown(t: Parameters<typeof createWorld>[0]) {
  const world = await createWorld(t, { records: [] })
  const { airtable, sql } = world
  await addPeople(airtable, 1)
  const cells = airtable.records.list()[0]?.fields ?? {}
  const service = await world.start(syncOn)
  await send(service, toEvent({ user: { id: first, email, name: 'Person 0' } }))
  const idOf = async () =>
    (await sql<{ id: string }[]>`select id from firstlogin.users where status = 'active'`)[0]?.id
  return { ...world, service, cells, id: await idOf(), idOf }
}

t.test(
  'a look-up that finds another record asks for the known one by its id, and it gives way if it is gone',
  async (t) => {
    const { airtable, sql, service, cells, id } = await createKnown(t)
    airtable.records.remove(first)
    airtable.records.put(second, cells)
    airtable.resetCalls()
    const reply = await service.login(email, password)
    t.equal(reply.statusCode, 200)
    t.equal(reply.json<{ user: { id: string } }>().user.id, id, 'the same user goes on')
    t.ok(airtable.calls().total >= 2, 'one call for the address and one for the id')
    t.match(await sql`select external_id as id from firstlogin.identities where user_id = ${id ?? ''}`, [
      { id: second },
    ])
  },
)

t.test('while the known one is there, the other one logs nobody in', async (t) => {
  const { airtable, sql, service, cells, id, idOf } = await createKnown(t)
  airtable.records.put(first, { 'Password Hash': null })
  airtable.records.put(second, { ...cells, Role: 'Owner' })
  t.equal((await service.login(email, password)).statusCode, 401)
  t.equal(await idOf(), id)
  t.match(await sql`select role, password_hash as hash from firstlogin.users where id = ${id ?? ''}`, [
    { role: 'member', hash: null },
  ])
})

t.test('an event that brings another record has the known one asked for behind the answer', async (t) => {
  const { airtable, service, cells, id, sql } = await createKnown(t)
  airtable.records.remove(first)
  airtable.records.put(second, cells)
  const user = { id: second, email, name: 'Person again' }
  const reply = await send(service, toEvent({ occurredAt: '2026-11-20T11:00:00.000Z', user }))
  t.equal(reply.statusCode, 200)
  await until(async () => {
    const [row] = await sql`select name from firstlogin.users where id = ${id ?? ''} and status = 'active'`
    return row?.['name'] === 'Person again'
  })
  t.ok(service.log.some(({ event }) => event === 'record.duplicate'))
})

t.test('a record that is gone while no other has its address removes nobody', async (t) => {
  const { airtable, service, id, idOf } = await createKnown(t)
  airtable.records.remove(first)
  t.equal((await service.login(email, password)).statusCode, 401)
  t.equal(await idOf(), id)
})
