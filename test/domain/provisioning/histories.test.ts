import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { isDeleted } from '../../../domain/facts.ts'
import { isAddressRecord, recordEmail } from '../../../domain/record.ts'
import { convergence } from './convergence.ts'
import { anyHistory, anyOwnership } from './histories.ts'
import { createWorld } from './worlds.ts'

const history = anyHistory({ longest: 12, orders: 1, accounts: 'many' })
const numRuns = 500

t.test(
  '10,000 random histories end with the people that the set of changes tells of by the contract, in every order',
  async (t) => {
    fc.assert(convergence, { numRuns: 10_000 })
    t.pass()
  },
)

t.test(
  'two people never share an address, and a living record stands for each, at every moment',
  async (t) => {
    const watchEachStep = fc.property(history, anyOwnership, ({ retold }, ownership) => {
      const { world, tell, people } = createWorld(ownership)
      for (const change of retold.flat()) {
        tell(change)
        const addresses = people().flatMap((person) => person.emailCanonical ?? [])
        assert.equal(new Set(addresses).size, addresses.length)
        for (const person of world.people.values()) {
          if (person.status === 'deleted') continue
          const records = [...world.records.values()].filter((record) => record.userId === person.id)
          // What was said of the address alone counts for the record that stands there, too.
          const ofAddress = [...world.records.values()].filter(
            (record) => isAddressRecord(record) && recordEmail(record) === person.emailCanonical,
          )
          assert.ok([...records, ...ofAddress].some((record) => !isDeleted(record)))
          for (const record of records) {
            // An account that is a duplicate stands for itself, without an address.
            const isAlone = person.emailCanonical === null && record.isAccount
            if (!isAlone) assert.equal(recordEmail(record) ?? null, person.emailCanonical)
          }
        }
      }
    })
    fc.assert(watchEachStep, { numRuns })
    t.pass()
  },
)

t.test('telling everything once more changes no record and no person', async (t) => {
  const tellTwice = fc.property(history, anyOwnership, ({ changes }, ownership) => {
    const { world, tell } = createWorld(ownership)
    for (const change of changes) tell(change)
    const [records, people] = [new Map(world.records), new Map(world.people)]
    for (const change of changes) {
      const { path, hadEffect } = tell(change)
      assert.match(path, /^(stale|tombstoned)$/)
      assert.equal(hadEffect, false)
    }
    assert.deepEqual(world.records, records)
    assert.deepEqual(world.people, people)
  })
  fc.assert(tellTwice, { numRuns })
  t.pass()
})

t.test(
  'a person whose row was lost is back, as they were, at the next word of any record that stands for them',
  async (t) => {
    const loseAndTell = fc.property(history, anyOwnership, ({ changes }, ownership) => {
      const { world, tell, people } = createWorld(ownership)
      for (const change of changes) tell(change)
      const before = people()
      world.people.clear()
      for (const [key, record] of world.records) world.records.set(key, { ...record, userId: null })
      for (const change of changes) tell(change)
      assert.deepEqual(people(), before)
    })
    fc.assert(loseAndTell, { numRuns })
    t.pass()
  },
)
