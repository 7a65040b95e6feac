import t from 'tap'
import type { PersonFields, UserChange } from '../../../domain/change.ts'
import { createWorld } from './worlds.ts'

const email = 'ada@example.com'

/** A row of a table, whose address no one has verified. */
function row(at: number, fields: Partial<PersonFields>, externalId = 'rec1'): UserChange {
  const stamp = { at, event: `evt_${at}` }
  const about = { upstream: 'airtable', externalId, stamp, created: false }
  return { type: 'user.upserted', ...about, fields, isUnverified: true }
}

/** An account elsewhere, whose address is verified. */
function account(at: number, fields: Partial<PersonFields>): UserChange {
  const stamp = { at, event: `evt_${at}` }
  return {
    type: 'user.upserted',
    upstream: 'clerk',
    externalId: 'user_1',
    stamp,
    created: false,
    fields,
    isAccount: true,
  }
}

/** All orders of a few. */
function ordersOf<T>(all: T[]): T[][] {
  if (all.length < 2) return [all]
  return all.flatMap((first, index) => ordersOf(all.toSpliced(index, 1)).map((rest) => [first, ...rest]))
}

t.test('rule 1: beside a verified record an unverified one has no say at all, in any order', async (t) => {
  const changes = [
    account(1, { email, name: 'Ada', status: 'active' }),
    row(2, { email, name: 'Eve', role: 'owner', passwordHash: 'hash', avatarUrl: 'eve.png' }),
    row(3, { status: 'disabled' }),
  ]
  for (const order of ordersOf(changes)) {
    const { tell, people, world } = createWorld()
    for (const change of order) tell(change)
    t.match(people(), [
      {
        name: 'Ada',
        role: 'viewer',
        status: 'active',
        passwordHash: null,
        avatarUrl: null,
        records: ['clerk user_1'],
      },
    ])
    t.equal(people().length, 1)
    t.equal(world.records.get('airtable\nrec1')?.userId, null)
  }
})

t.test('rule 1: without a verified record the row is a person, and the verified one joins it', async (t) => {
  const { tell, people } = createWorld()
  const { userId } = tell(row(1, { email, name: 'Row', passwordHash: 'hash' }))
  t.match(people(), [{ name: 'Row', passwordHash: 'hash', emailVerified: false }])
  t.equal(tell(account(2, { email, name: 'Ada' })).userId, userId)
  t.match(people(), [{ name: 'Ada', passwordHash: null }])
})

t.test('when the verified record is deleted, the row is a person of its own', async (t) => {
  const { tell, people, world } = createWorld()
  const { userId } = tell(account(1, { email, name: 'Ada' }))
  tell(row(2, { email, name: 'Row', passwordHash: 'hash' }))
  tell({ type: 'user.deleted', upstream: 'clerk', externalId: 'user_1', stamp: { at: 3, event: 'evt_3' } })
  t.match(people(), [{ name: 'Row' }])
  t.equal(world.people.get(userId ?? '')?.status, 'deleted')
  t.not(world.records.get('airtable\nrec1')?.userId, userId)
  t.equal(tell({ ...account(4, { email, name: 'Ada' }), created: true } as UserChange).userId, userId)
  t.match(people(), [{ name: 'Ada', passwordHash: null }])
  t.equal(people().length, 1)
})

t.test('a missing verified record is disabled, and the row does not take its place', async (t) => {
  const { tell, people } = createWorld()
  tell(account(1, { email, name: 'Ada' }))
  tell(row(2, { email, name: 'Row', passwordHash: 'hash' }))
  tell({ type: 'user.vanished', upstream: 'clerk', externalId: 'user_1', stamp: { at: 3, event: 'list' } })
  t.match(people(), [{ name: 'Ada', status: 'disabled', passwordHash: null }])
})

t.test('who is known here alone is not taken over by an unverified row', async (t) => {
  const { world, tell } = createWorld()
  const person = {
    id: 'id local',
    email,
    emailCanonical: email as never,
    emailVerified: false,
    name: 'Ada',
    avatarUrl: null,
    status: 'active',
    role: 'owner',
    passwordHash: 'set here',
    provenance: {},
  } as const
  world.people.set(person.id, person)
  t.equal(tell(row(5, { email, passwordHash: 'hash', name: 'Eve' })).userId, null)
  t.strictSame(world.people.get(person.id), person)
})

t.test(
  'a password that was set while no address was verified ends with the first verified one',
  async (t) => {
    const { tell, setHere, people } = createWorld()
    const { userId } = tell(row(1, { email, passwordHash: 'hash' }))
    setHere(userId ?? '', 'passwordHash', { value: 'set here', at: 2, event: '', isUnverified: true })
    t.match(people(), [{ passwordHash: 'set here' }])
    tell(account(3, { email }))
    t.match(people(), [{ passwordHash: null }])
  },
)
