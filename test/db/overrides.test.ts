import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Sql } from 'postgres'
import t from 'tap'
import { type OverrideTarget, overrideUser } from '../../db/overrides.ts'
import { canonicalEmail } from '../../domain/email.ts'
import type { OverrideDecision } from '../../domain/overrides.ts'
import { anyDecision } from '../domain/overrides/decisions.ts'
import { anyHistory, anyOwnership } from '../domain/provisioning/histories.ts'
import { peopleAfter } from '../domain/provisioning/reference.ts'
import { createDatabase } from '../support/database.ts'
import { apply, deleted, listPeople, removeEverybody, upserted } from './apply/people.ts'

const ada = canonicalEmail('ada@example.com')
const lift: OverrideDecision = { status: null, role: null }

function override(sql: Sql, target: OverrideTarget, decision: OverrideDecision) {
  return sql.begin((tx) => overrideUser(tx, target, { decision, at: 1_000, by: 'an operator' }))
}

interface Row {
  id: string
  status: string
  overrides: { status?: { value: string }; role?: { value: string } } | null
}

const rowsOf = (sql: Sql) => sql<Row[]>`select id, status, overrides from firstlogin.users order by id`

t.test(
  'the rows after any history with overrides hold them, and without them are what the contract tells of',
  async (t) => {
    const { sql } = await createDatabase(t)
    const orders = fc.array(fc.tuple(fc.nat(20), fc.nat(20), anyDecision), { maxLength: 6 })
    const applyAndCompare = fc.asyncProperty(
      anyHistory({ longest: 10, orders: 1 }),
      orders,
      anyOwnership,
      async ({ changes, retold }, between, ownership) => {
        await removeEverybody(sql)
        for (const [step, change] of retold.flat().entries()) {
          await apply(sql, [change], ownership)
          const people = await rowsOf(sql)
          for (const [after, who, decision] of between) {
            const person = people[who % Math.max(1, people.length)]
            if (after === step && person) await override(sql, { id: person.id }, decision)
          }
          const wrong = await sql`
          select from firstlogin.users
          where (status <> 'deleted' and status <> overrides #>> '{status,value}') or role <> overrides #>> '{role,value}'`
          assert.equal(wrong.length, 0)
        }
        for (const { id } of await rowsOf(sql)) await override(sql, { id }, lift)
        assert.deepEqual(await listPeople(sql), peopleAfter(changes, ownership))
      },
    )
    await fc.assert(applyAndCompare, { numRuns: 40 })
    t.pass()
  },
)

t.test('an override and changes that arrive at the same time both count, whatever comes first', async (t) => {
  const { sql } = await createDatabase(t)
  for (let round = 0; round < 25; round += 1) {
    await removeEverybody(sql)
    await apply(sql, [upserted('rec1', 1, { email: ada, role: 'viewer' })])
    const change = (at: number) =>
      apply(sql, [upserted('rec1', at, { email: ada, role: 'owner', status: 'active', name: `Ada ${at}` })])
    const target = round % 2 ? { email: ada } : { id: (await rowsOf(sql))[0]?.id ?? '' }
    const order = () => override(sql, target, { status: 'disabled', role: 'member' })
    await Promise.all([change(2), change(3), order(), change(4), change(5)])
    t.match(
      await listPeople(sql),
      [{ status: 'disabled', role: 'member', name: 'Ada 5', provenance: { role: { source: 'operator' } } }],
      `round ${round}`,
    )
    await Promise.all([change(6), override(sql, target, lift), change(7)])
    t.match(
      await listPeople(sql),
      [{ status: 'active', role: 'owner', name: 'Ada 7' }],
      `round ${round}, lifted`,
    )
  }
})

t.test(
  'eight connections at once change and override two users who share records, without a deadlock',
  async (t) => {
    const { sql } = await createDatabase(t)
    const bob = canonicalEmail('bob@example.com')
    await apply(sql, [upserted('rec1', 1, { email: ada }), upserted('rec2', 1, { email: bob })])
    const work = Array.from({ length: 160 }, (_, index) => async () => {
      const [one, other] = index % 2 ? [ada, bob] : [bob, ada]
      if (index % 4 === 0) await override(sql, { email: one }, { role: index % 8 ? 'admin' : null })
      else
        await apply(sql, [
          upserted('rec1', index + 2, { email: one }),
          upserted('rec2', index + 2, { email: other }),
        ])
    })
    const connections = Array.from({ length: 8 }, async () => {
      for (let task = work.pop(); task; task = work.pop()) await task()
    })
    await Promise.all(connections)
    t.equal((await listPeople(sql)).length, 2)
  },
)

t.test('an override never revives a deleted user, and waits for their return', async (t) => {
  const { sql } = await createDatabase(t)
  await apply(sql, [upserted('rec1', 1, { email: ada })])
  const [row] = await rowsOf(sql)
  const id = row?.id ?? ''
  await apply(sql, [deleted('rec1', 2)])
  t.equal(await override(sql, { email: ada }, { status: 'active' }), undefined, 'their address finds nobody')
  t.match(await override(sql, { id }, { status: 'active' }), { status: 'deleted' })
  t.same(await listPeople(sql), [])
  await override(sql, { id }, { status: 'disabled' })
  await apply(sql, [{ ...upserted('rec1', 3, { email: ada, status: 'active' }), created: true }])
  t.match(await listPeople(sql), [{ status: 'disabled', provenance: { status: { source: 'operator' } } }])
  t.match(await override(sql, { id }, lift), { status: 'active' })
})

t.test('a re-keyed user keeps their overrides', async (t) => {
  const { sql } = await createDatabase(t)
  await apply(sql, [upserted('rec1', 1, { email: ada })])
  await override(sql, { email: ada }, { status: 'disabled', role: 'viewer' })
  await apply(sql, [deleted('rec1', 2)])
  await apply(sql, [
    { ...upserted('rec2', 3, { email: ada, role: 'owner', status: 'active' }), created: true },
  ])
  t.match(await listPeople(sql), [{ records: ['airtable rec2'], status: 'disabled', role: 'viewer' }])
})
