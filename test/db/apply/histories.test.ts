import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { Change } from '../../../domain/change.ts'
import { anyHistory, anyOwnership } from '../../domain/provisioning/histories.ts'
import { createWorld } from '../../domain/provisioning/worlds.ts'
import { createDatabase } from '../../support/database.ts'
import { apply, listPeople, removeEverybody } from './people.ts'

const sizes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 40, maxLength: 40 })

function toBatches(changes: Change[], sizes: number[]): Change[][] {
  const rest = [...changes]
  return sizes.flatMap((size) => (rest.length > 0 ? [rest.splice(0, size)] : []))
}

t.test(
  'the rows after any history, in transactions of any size, are the people that memory has',
  async (t) => {
    const { sql } = await createDatabase(t)
    const applyAndCompare = fc.asyncProperty(
      anyHistory(12),
      sizes,
      anyOwnership,
      async ({ changes, retold }, sizes, ownership) => {
        await removeEverybody(sql)
        const { tell, people } = createWorld(ownership)
        for (const change of changes) tell(change)
        for (const batch of toBatches(retold, sizes)) await apply(sql, batch, ownership)
        assert.deepEqual(await listPeople(sql), people())
      },
    )
    await fc.assert(applyAndCompare, { numRuns: 60 })
    t.pass()
  },
)

t.test('eight connections at once end in the same rows, without a deadlock or a broken index', async (t) => {
  const { sql } = await createDatabase(t)
  const applyAtOnce = fc.asyncProperty(
    anyHistory(32),
    sizes,
    anyOwnership,
    async ({ changes, retold }, sizes, ownership) => {
      await removeEverybody(sql)
      const { tell, people } = createWorld(ownership)
      for (const change of changes) tell(change)
      const waiting = toBatches(retold, sizes)
      const connections = Array.from({ length: 8 }, async () => {
        for (let batch = waiting.pop(); batch; batch = waiting.pop()) await apply(sql, batch, ownership)
      })
      await Promise.all(connections)
      assert.deepEqual(await listPeople(sql), people())
    },
  )
  await fc.assert(applyAtOnce, { numRuns: 40 })
  t.pass()
})
