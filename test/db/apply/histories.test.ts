import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { setDefaultOrganization } from '../../../db/named-organizations.ts'
import type { UserChange } from '../../../domain/change.ts'
import { anyHistory, anyOwnership } from '../../domain/provisioning/histories.ts'
import { peopleAfter } from '../../domain/provisioning/reference.ts'
import { createDatabase } from '../../support/database.ts'
import { apply, listMemberships, listPeople, membershipsOf, removeEverybody } from './people.ts'

const sizes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 3, maxLength: 12 })

/** Transactions of these sizes, over and over, until all changes have their turn. */
function toBatches(changes: UserChange[], sizes: number[]): UserChange[][] {
  const batches: UserChange[][] = []
  const rest = [...changes]
  while (rest.length > 0) batches.push(rest.splice(0, sizes[batches.length % sizes.length]))
  return batches
}

t.test(
  'the rows after any history, in transactions of any size, are the people that the contract tells of',
  async (t) => {
    const { sql } = await createDatabase(t)
    await setDefaultOrganization(sql, 'Everybody')
    const applyAndCompare = fc.asyncProperty(
      anyHistory({ longest: 12, orders: 1 }),
      sizes,
      anyOwnership,
      async ({ changes, retold }, sizes, ownership) => {
        await removeEverybody(sql)
        for (const batch of toBatches(retold.flat(), sizes)) await apply(sql, batch, ownership)
        const expected = peopleAfter(changes, ownership)
        assert.deepEqual(await listPeople(sql), expected)
        assert.deepEqual(await listMemberships(sql), membershipsOf(expected, 'name:everybody'))
      },
    )
    await fc.assert(applyAndCompare, { numRuns: 40 })
    t.pass()
  },
)

t.test('eight connections at once end in the same rows, without a deadlock or a broken index', async (t) => {
  const { sql } = await createDatabase(t)
  await setDefaultOrganization(sql, 'Everybody')
  const applyAtOnce = fc.asyncProperty(
    anyHistory({ longest: 24, orders: 1 }),
    sizes,
    anyOwnership,
    async ({ changes, retold }, sizes, ownership) => {
      await removeEverybody(sql)
      const waiting = toBatches(retold.flat(), sizes)
      const connections = Array.from({ length: 8 }, async () => {
        for (let batch = waiting.pop(); batch; batch = waiting.pop()) await apply(sql, batch, ownership)
      })
      await Promise.all(connections)
      const expected = peopleAfter(changes, ownership)
      assert.deepEqual(await listPeople(sql), expected)
      assert.deepEqual(await listMemberships(sql), membershipsOf(expected, 'name:everybody'))
    },
  )
  await fc.assert(applyAtOnce, { numRuns: 80 })
  t.pass()
})
