import t from 'tap'
import type { PersonFields, UserChange } from '../../../domain/change.ts'
import { createWorld } from './worlds.ts'

const ada = 'ada@example.com'

function read(externalId: string, at: number, readAt: number, fields: Partial<PersonFields>): UserChange {
  const stamp = { at, event: `read ${readAt}` }
  return { type: 'user.upserted', upstream: 'airtable', externalId, stamp, created: false, fields, readAt }
}

function deleted(externalId: string, at: number): UserChange {
  return { type: 'user.deleted', upstream: 'airtable', externalId, stamp: { at, event: `evt_${at}` } }
}

function vanished(
  externalId: string,
  at: number,
  { upstream = 'airtable', event = `list ${at}` } = {},
): UserChange {
  return { type: 'user.vanished', upstream, externalId, stamp: { at, event } }
}

/** Ada, last changed at 1 and read at 3, and what is seen of her after more news. */
function adaReadAt3() {
  const { tell, people, world } = createWorld()
  const { userId } = tell(read('rec1', 1, 3, { email: ada, name: 'Ada', status: 'active' }))
  return { tell, people, world, userId }
}

t.test('whoever vanishes from a complete listing is disabled, and it can be asked why', async (t) => {
  const { tell, people, userId } = adaReadAt3()
  t.match(tell(vanished('rec1', 4)), { path: 'updated', hadEffect: true, userId })
  const status = { source: 'airtable', externalId: 'rec1', at: 4, event: 'list 4' }
  t.match(people(), [{ email: ada, name: 'Ada', status: 'disabled', provenance: { status } }])
})

t.test('who is seen again is active, though the record was not changed since', async (t) => {
  const { tell, people, userId } = adaReadAt3()
  const before = people()
  tell(vanished('rec1', 4))
  const again = read('rec1', 1, 5, { email: ada, name: 'Ada', status: 'active' })
  t.match(tell(again), { path: 'updated', hadEffect: true, userId })
  t.match(people(), [{ status: 'active', provenance: { status: { at: 1, event: 'read 5' } } }])
  t.equal(people().length, before.length)
})

t.test('a read that tells nothing but that the record is there is enough', async (t) => {
  const { tell, people, userId } = adaReadAt3()
  tell(vanished('rec1', 4))
  t.match(tell(read('rec1', 1, 4, {})), { path: 'updated', hadEffect: true, userId })
  t.match(people(), [{ status: 'active' }])
})

t.test('news of the address alone count as a sight of whoever has it', async (t) => {
  const { tell, people } = adaReadAt3()
  tell(vanished('rec1', 4))
  const news = { type: 'user.upserted', upstream: 'airtable', stamp: { at: 5, event: 'evt_5' } } as const
  tell({ ...news, externalId: `mailto:${ada}`, created: false, fields: {} })
  t.match(people(), [{ status: 'active' }])
})

t.test('a listing that is older than the last sight of somebody does nothing, in either order', async (t) => {
  const { tell, people, userId } = adaReadAt3()
  const before = people()
  t.match(tell(vanished('rec1', 2)), { path: 'stale', hadEffect: false, userId })
  t.match(tell(vanished('rec1', 3)), { path: 'stale', hadEffect: false, userId })
  t.strictSame(people(), before)

  const late = createWorld()
  late.tell(vanished('rec1', 2))
  t.match(late.tell(read('rec1', 1, 3, { email: ada })), { path: 'created' })
  t.match(late.people(), [{ status: 'active' }])
})

t.test('a deletion beats vanishing, before it and after it, and being seen does not undo it', async (t) => {
  for (const gone of [
    [vanished('rec1', 4), deleted('rec1', 5)],
    [deleted('rec1', 4), vanished('rec1', 5)],
  ]) {
    const { tell, people, world, userId } = adaReadAt3()
    for (const change of gone) t.equal(tell(change).userId, userId)
    t.strictSame(people(), [])
    t.equal(world.people.get(userId ?? '')?.status, 'deleted')
    t.equal(tell(read('rec1', 1, 6, { email: ada })).path, 'tombstoned')
    t.strictSame(people(), [])
  }
})

t.test('whoever another upstream still has stays active', async (t) => {
  const { tell, people } = adaReadAt3()
  tell({ ...read('user_1', 2, 2, { email: ada }), upstream: 'clerk' })
  tell(vanished('rec1', 4))
  t.match(people(), [{ status: 'active' }])
  tell(vanished('user_1', 4, { upstream: 'clerk' }))
  t.match(people(), [{ status: 'disabled', provenance: { status: { source: 'clerk', at: 4 } } }])
})

t.test('who was disabled here stays so after vanishing and being seen again', async (t) => {
  const { world, tell, people } = createWorld()
  const { userId } = tell(read('rec1', 1, 3, { email: ada }))
  const person = world.people.get(userId ?? '')
  if (!person) throw new Error('Nobody was made.')
  const status = { source: 'local', at: 3, event: '' }
  world.people.set(person.id, {
    ...person,
    status: 'disabled',
    provenance: { ...person.provenance, status },
  })
  tell(vanished('rec1', 4))
  tell(read('rec1', 1, 5, { email: ada }))
  t.match(people(), [{ status: 'disabled', provenance: { status } }])
})
