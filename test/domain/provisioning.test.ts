import t from 'tap'
import type { PersonFields, UserChange } from '../../domain/change.ts'
import { defaultOwnership, type FieldOwnership } from '../../domain/ownership.ts'
import { createWorld } from './provisioning/worlds.ts'

const ada = 'ada@example.com'
const bob = 'bob@example.com'

type Told = Partial<PersonFields> & { created?: boolean; event?: string; upstream?: string }

function upserted(externalId: string, at: number, told: Told): UserChange {
  const { created = false, event = `evt_${at}`, upstream = 'airtable', ...fields } = told
  return { type: 'user.upserted', upstream, externalId, stamp: { at, event }, created, fields }
}

function deleted(externalId: string, at: number, event = `evt_${at}`): UserChange {
  return { type: 'user.deleted', upstream: 'airtable', externalId, stamp: { at, event } }
}

/** What is seen of everybody after these changes, and the way of each. */
function tellAll(changes: UserChange[], ownership: FieldOwnership = defaultOwnership) {
  const { world, tell, people } = createWorld(ownership)
  const told = changes.map(tell)
  return {
    world,
    people: people(),
    paths: told.map(({ path }) => path),
    ids: told.map(({ userId }) => userId),
    seen: people().map(({ email, name, status }) => ({ email, name, status })),
  }
}

t.test(
  'rule 1: a record is matched by its id first, so a person keeps their id when the address changes',
  async (t) => {
    const { ids, paths, people } = tellAll([
      upserted('rec1', 1, { email: ada }),
      upserted('rec1', 2, { email: bob }),
    ])
    t.equal(ids[0], ids[1])
    t.strictSame(paths, ['created', 'updated'])
    t.strictSame(
      people.map((person) => person.emailCanonical),
      [bob],
    )
  },
)

t.test('rule 1: another upstream is linked by the canonical address', async (t) => {
  const { ids, paths, people } = tellAll([
    upserted('rec1', 1, { email: 'Ada@Example.COM', name: 'Ada' }),
    upserted('user_1', 2, { upstream: 'clerk', email: ada, name: 'Augusta' }),
  ])
  t.equal(ids[0], ids[1])
  t.strictSame(paths, ['created', 'linked_by_email'])
  t.match(people, [
    { name: 'Augusta', provenance: { name: { source: 'clerk', externalId: 'user_1', at: 2 } } },
  ])
  t.equal(people.length, 1)
})

t.test('rule 3: who comes back under another id of the same upstream is re-keyed, not doubled', async (t) => {
  const { ids, paths, people, world } = tellAll([
    upserted('rec1', 1, { email: ada, role: 'admin' }),
    upserted('rec2', 2, { email: 'ADA@example.com' }),
    upserted('rec1', 1, { email: ada, name: 'late' }),
  ])
  t.strictSame(paths, ['created', 'rekeyed', 'stale'])
  t.equal(ids[0], ids[1])
  t.equal(people.length, 1)
  t.match(people, [{ email: 'ADA@example.com', role: 'admin' }])
  t.equal(world.records.get('airtable\nrec1')?.userId, null)
})

t.test(
  'rule 4: an owner upstream has the newest word, local only fills a gap, newest compares times',
  async (t) => {
    const changes = [
      upserted('rec1', 2, {
        email: ada,
        name: 'second',
        avatarUrl: 'second',
        role: 'admin',
        passwordHash: null,
      }),
      upserted('rec1', 1, { email: ada, name: 'first', avatarUrl: 'first', role: 'viewer' }),
      upserted('rec1', 3, { name: null, avatarUrl: 'third', passwordHash: 'hash' }),
    ]
    t.match(tellAll(changes).people, [
      { name: null, avatarUrl: 'first', role: 'admin', passwordHash: 'hash' },
    ])
    const swapped: FieldOwnership = {
      ...defaultOwnership,
      name: 'local',
      avatarUrl: 'upstream',
      role: 'local',
    }
    t.match(tellAll(changes, swapped).people, [{ name: 'first', avatarUrl: 'third', role: 'viewer' }])
  },
)

t.test(
  'rule 4: what was set here yields to an owner upstream, stays if local, and to later news if newest',
  async (t) => {
    for (const [owner, atOnce, later] of [
      ['upstream', 'theirs', 'theirs, later'],
      ['local', 'ours', 'ours'],
      ['newest', 'ours', 'theirs, later'],
    ] as const) {
      const { world, tell, people } = createWorld({ ...defaultOwnership, name: owner })
      const { userId } = tell(upserted('rec1', 1, { email: ada, name: 'theirs' }))
      const person = world.people.get(userId ?? '')
      if (!person) throw new Error('Nobody was made.')
      const source = { source: 'local', at: 5, event: '' }
      world.people.set(person.id, {
        ...person,
        name: 'ours',
        provenance: { ...person.provenance, name: source },
      })
      tell(upserted('rec1', 4, { status: 'active', name: 'theirs' }))
      t.equal(people()[0]?.name, atOnce, owner)
      tell(upserted('rec1', 6, { name: 'theirs, later' }))
      t.equal(people()[0]?.name, later, owner)
    }
  },
)

t.test('rule 5: older news never overwrites newer news, field by field', async (t) => {
  const { paths, people } = tellAll([
    upserted('rec1', 5, { email: ada, name: 'five' }),
    upserted('rec1', 4, { email: bob, name: 'four' }),
    upserted('rec1', 3, { status: 'disabled', name: 'three' }),
  ])
  t.strictSame(paths, ['created', 'stale', 'updated'])
  t.match(people, [{ email: ada, name: 'five', status: 'disabled' }])
})

t.test('rule 5: of two events of one time the greater id wins, by code units', async (t) => {
  for (const [one, other, winner] of [
    ['evt_1', 'evt_2', 'evt_2'],
    ['evt_2', 'evt_1', 'evt_2'],
    ['evt_10', 'evt_9', 'evt_9'],
    ['Z', 'a', 'a'],
  ] as const) {
    const changes = [one, other].map((event) => upserted('rec1', 1, { email: ada, name: event, event }))
    t.match(tellAll(changes).people, [{ name: winner }])
  }
})

t.test('rule 5: at one time the deletion wins, whatever the ids and the order', async (t) => {
  const born = upserted('rec1', 1, { email: ada, created: true, event: 'evt_9' })
  t.strictSame(tellAll([born, deleted('rec1', 1, 'evt_1')]).seen, [])
  t.strictSame(tellAll([deleted('rec1', 1, 'evt_1'), born]).seen, [])
})

t.test('rule 6: older events, updates and reads never revive a deleted record', async (t) => {
  const { paths, seen } = tellAll([
    upserted('rec1', 1, { email: ada }),
    deleted('rec1', 3),
    upserted('rec1', 2, { email: ada, created: true }),
    upserted('rec1', 4, { email: ada, name: 'updated later' }),
    upserted('rec1', 5, { email: ada, event: 'read 2026-11-20T10:00:00.000Z' }),
  ])
  t.strictSame(seen, [])
  t.strictSame(paths, ['created', 'tombstoned', 'tombstoned', 'tombstoned', 'tombstoned'])
})

t.test(
  'rule 6: a deletion that arrives before anything else leaves its tombstone all the same',
  async (t) => {
    t.strictSame(tellAll([deleted('rec1', 3), upserted('rec1', 2, { email: ada, created: true })]).seen, [])
  },
)

t.test('rule 6: a newer user.created revives the record, and an older deletion is then stale', async (t) => {
  const { ids, paths, people } = tellAll([
    upserted('rec1', 1, { email: ada }),
    deleted('rec1', 2),
    upserted('rec1', 3, { email: ada, created: true }),
    deleted('rec1', 2, 'evt_9'),
  ])
  t.match(people, [{ email: ada, status: 'active' }])
  t.strictSame(paths, ['created', 'tombstoned', 'updated', 'stale'])
  t.equal(ids[0], ids[2])
})
