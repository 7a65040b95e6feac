import assert from 'node:assert/strict'
import fc from 'fast-check'
import { anyHistory, anyOwnership } from './histories.ts'
import { peopleAfter } from './reference.ts'
import { createWorld } from './worlds.ts'

/** The result depends on the set of changes alone: in any order it is what the reference reads off the set. */
export const convergence = fc.property(
  anyHistory({ longest: 10, orders: 2, accounts: 'many' }),
  anyOwnership,
  ({ changes, retold }, ownership) => {
    const expected = peopleAfter(changes, ownership)
    for (const order of [changes, ...retold]) {
      const { tell, people } = createWorld(ownership)
      for (const change of order) tell(change)
      assert.deepEqual(people(), expected)
    }
  },
)
