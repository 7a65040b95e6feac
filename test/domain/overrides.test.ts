import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { decide, overrideFields, withoutOverrides } from '../../domain/overrides.ts'
import type { Person } from '../../domain/person.ts'
import { anyOrders, anyOverriddenHistory, tellWithDecisions, transparency } from './overrides/transparency.ts'
import { anyOwnership } from './provisioning/histories.ts'
import { createWorld } from './provisioning/worlds.ts'

const by = 'an operator'

t.test(
  '1,500 random histories: under overrides lie the people that there would be without them',
  async (t) => {
    fc.assert(transparency, { numRuns: 1500 })
    t.pass()
  },
)

t.test('an override holds after every later change, and never revives a deleted person', async (t) => {
  const watchOverrides = fc.property(
    anyOverriddenHistory,
    anyOrders,
    anyOwnership,
    ({ retold }, between, ownership) => {
      const overridden = createWorld(ownership)
      const { world } = overridden
      tellWithDecisions(overridden, retold.flat(), between, () => {
        for (const person of world.people.values()) {
          for (const field of overrideFields) {
            const override = person.overrides?.[field]
            if (!override || (field === 'status' && person.status === 'deleted')) continue
            assert.equal(person[field], override.value)
            assert.deepEqual(person.provenance[field], { source: 'operator', at: override.at, event: '' })
          }
          if (withoutOverrides(person).status === 'deleted') assert.equal(person.status, 'deleted')
        }
      })
      // Whoever was shut out and was replaced is shut out under the other name, unless that was decided there since.
      for (const { overrides, replacedBy, id } of world.people.values()) {
        const heir = world.people.get(replacedBy ?? '')
        if (overrides?.status?.value !== 'disabled' || !heir?.overrides?.status) continue
        const { status } = heir.overrides
        assert.ok(status.value === 'disabled' || status.at > overrides.status.at, id)
      }
    },
  )
  fc.assert(watchOverrides, { numRuns: 1000 })
  t.pass()
})

const ada: Person = {
  id: 'id 1',
  email: 'ada@example.com',
  emailCanonical: null,
  emailVerified: true,
  name: 'Ada',
  avatarUrl: null,
  status: 'active',
  role: 'viewer',
  passwordHash: null,
  provenance: { status: { source: 'airtable', externalId: 'rec1', at: 1, event: 'evt_1' } },
}

t.test('a decision names its fields: what it does not name stays, and null lifts', async (t) => {
  const disabled = decide(ada, { status: 'disabled' }, { at: 5, by })
  t.match(disabled, {
    status: 'disabled',
    role: 'viewer',
    provenance: { status: { source: 'operator', at: 5 } },
  })
  const both = decide(disabled, { role: 'admin', status: undefined }, { at: 6, by })
  t.match(both, { status: 'disabled', role: 'admin', overrides: { status: { at: 5 }, role: { at: 6 } } })
  t.match(both.provenance.role, { source: 'operator', at: 6, event: '' })
  const one = decide(both, { status: null }, { at: 7, by })
  t.match(one, { status: 'active', role: 'admin', provenance: ada.provenance })
  t.strictSame(decide(one, { role: null }, { at: 8, by }), ada)
})

t.test('a local value is back when the override above it is lifted', async (t) => {
  const local = {
    ...ada,
    role: 'member' as const,
    provenance: { role: { source: 'local', at: 3, event: '' } },
  }
  const overridden = decide(local, { role: 'owner' }, { at: 5, by })
  t.strictSame(withoutOverrides(overridden), local)
  t.strictSame(decide(overridden, { role: null }, { at: 6, by }), local)
})

t.test(
  'an account that an operator disabled stays disabled when it joins a person by its address',
  async (t) => {
    const { world, tell } = createWorld()
    const at = (time: number) => ({ at: time, event: `evt_${time}` })
    const email = 'ada@example.com'
    tell({
      type: 'user.upserted',
      upstream: 'airtable',
      externalId: 'rec1',
      stamp: at(1),
      created: true,
      fields: { email },
    })
    const account = {
      type: 'user.upserted',
      upstream: 'clerk',
      externalId: 'user_1',
      isAccount: true,
    } as const
    const { userId } = tell({
      ...account,
      stamp: at(2),
      created: true,
      fields: { email },
      isUnverified: true,
    })
    const person = world.people.get(userId ?? '')
    t.ok(person)
    if (person)
      world.people.set(person.id, decide(person, { status: 'disabled', role: 'viewer' }, { at: 3, by }))
    const joined = tell({ ...account, stamp: at(4), created: false, fields: { email } })
    t.not(joined.userId, userId)
    t.match(world.people.get(joined.userId ?? ''), {
      status: 'disabled',
      provenance: { status: { source: 'operator' } },
      overrides: { status: { value: 'disabled', by, projected: { value: 'active' } } },
    })
  },
)
