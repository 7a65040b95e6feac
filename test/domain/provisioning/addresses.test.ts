import t from 'tap'
import type { PersonFields, UserChange } from '../../../domain/change.ts'
import { createWorld } from './worlds.ts'

const ada = 'ada@example.com'
const bob = 'bob@example.com'

function upserted(
  upstream: string,
  externalId: string,
  at: number,
  fields: Partial<PersonFields>,
): UserChange {
  return {
    type: 'user.upserted',
    upstream,
    externalId,
    stamp: { at, event: `evt_${at}` },
    created: false,
    fields,
  }
}

function deleted(upstream: string, externalId: string, at: number): UserChange {
  return { type: 'user.deleted', upstream, externalId, stamp: { at, event: `evt_${at}` } }
}

/** Two people, and what is seen of them by id after more news. */
function adaAndBob() {
  const told = createWorld()
  const [first, second] = [
    told.tell(upserted('airtable', 'rec1', 1, { email: ada, name: 'Ada' })).userId ?? '',
    told.tell(upserted('airtable', 'rec2', 1, { email: bob, name: 'Bob' })).userId ?? '',
  ]
  const see = (id: string) => {
    const person = told.world.people.get(id)
    return [person?.name, person?.emailCanonical, person?.status]
  }
  return { ...told, first, second, see }
}

t.test('two people who swap their addresses keep their ids, in either order', async (t) => {
  const swap = [
    upserted('airtable', 'rec1', 2, { email: bob }),
    upserted('airtable', 'rec2', 3, { email: ada }),
  ]
  for (const changes of [swap, swap.toReversed()]) {
    const { tell, first, second, see } = adaAndBob()
    for (const change of changes) tell(change)
    t.strictSame(see(first), ['Ada', bob, 'active'])
    t.strictSame(see(second), ['Bob', ada, 'active'])
  }
})

t.test(
  'a record that moves to the address of another one gets nothing of its person, and leaves its own',
  async (t) => {
    const { tell, first, second, see, people } = adaAndBob()
    t.match(tell(upserted('airtable', 'rec1', 2, { email: bob })), { path: 'stale', duplicateOf: 'rec2' })
    t.strictSame(see(first), ['Ada', null, 'deleted'])
    t.strictSame(see(second), ['Bob', bob, 'active'])
    t.equal(people().length, 1)
    tell(deleted('airtable', 'rec2', 3))
    t.strictSame(see(first), ['Ada', bob, 'active'])
    t.strictSame(see(second), ['Bob', null, 'deleted'])
  },
)

t.test(
  'a record that moves to an address that another one has leaves nobody behind at the old one',
  async (t) => {
    const { tell, people } = adaAndBob()
    tell(upserted('airtable', 'rec2', 9, { email: bob }))
    t.equal(tell(upserted('airtable', 'rec1', 5, { email: bob })).path, 'stale')
    t.strictSame(
      people().map((person) => person.emailCanonical),
      [bob],
    )
  },
)

t.test(
  'a retired holder whose record gets an address of its own again is back under the old id',
  async (t) => {
    const { tell, second, see } = adaAndBob()
    tell(upserted('airtable', 'rec2', 2, { email: ada }))
    t.strictSame(see(second), ['Bob', null, 'deleted'])
    tell(upserted('airtable', 'rec2', 3, { email: 'robert@example.com' }))
    t.strictSame(see(second), ['Bob', 'robert@example.com', 'active'])
  },
)

t.test(
  'records of two upstreams that part ways become two people, and one again when they meet',
  async (t) => {
    const { tell, people, world } = createWorld()
    const { userId } = tell(upserted('airtable', 'rec1', 1, { email: ada }))
    t.equal(tell(upserted('clerk', 'user_1', 2, { email: ada })).userId, userId)
    t.not(tell(upserted('airtable', 'rec1', 3, { email: bob })).userId, userId)
    t.equal(people().length, 2)
    // Who comes to an address gets to be the one who has it.
    const { userId: other } = world.records.get('airtable\nrec1') ?? {}
    t.equal(tell(upserted('clerk', 'user_1', 4, { email: bob })).userId, other)
    t.equal(people().length, 1)
    t.match(world.people.get(userId ?? ''), { status: 'deleted', replacedBy: other })
  },
)

t.test('a person stays while one upstream still has them, and goes with the last', async (t) => {
  const { tell, people } = createWorld()
  tell(upserted('airtable', 'rec1', 1, { email: ada }))
  tell(upserted('clerk', 'user_1', 2, { email: ada }))
  tell(deleted('airtable', 'rec1', 3))
  t.equal(people().length, 1)
  tell(deleted('clerk', 'user_1', 4))
  t.equal(people().length, 0)
})

t.test(
  'a deleted record that names another address no longer points to the person whom others stand for',
  async (t) => {
    const { tell, world } = createWorld()
    tell(upserted('airtable', 'rec1', 1, { email: ada }))
    tell(upserted('clerk', 'user_1', 2, { email: ada }))
    tell(deleted('clerk', 'user_1', 3))
    tell(upserted('clerk', 'user_1', 4, { email: bob }))
    t.equal(world.records.get('clerk\nuser_1')?.userId, null)
  },
)

t.test(
  'who is deleted and comes back under another id is active, even if no record speaks of a status',
  async (t) => {
    const { tell, people } = createWorld()
    const { userId } = tell(upserted('airtable', 'rec1', 1, { email: ada }))
    tell(deleted('airtable', 'rec1', 2))
    t.equal(tell(upserted('airtable', 'rec2', 3, { email: ada })).userId, userId)
    t.match(people(), [{ status: 'active' }])
  },
)

t.test('who gets the address of somebody deleted does not get the password that was set here', async (t) => {
  const { tell, world, first, people } = adaAndBob()
  const person = world.people.get(first)
  if (!person) throw new Error('Ada is gone.')
  const provenance = { ...person.provenance, passwordHash: { source: 'local', at: 2, event: '' } }
  world.people.set(first, { ...person, passwordHash: 'set here', provenance })
  tell(upserted('airtable', 'rec1', 3, { name: 'Ada King' }))
  t.equal(world.people.get(first)?.passwordHash, 'set here')
  tell(deleted('airtable', 'rec1', 4))
  tell(upserted('airtable', 'rec3', 5, { email: ada, name: 'Ada the second' }))
  t.match(people()[0], { name: 'Ada the second', passwordHash: null })
})
