import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { UserChange } from '../../../domain/change.ts'
import { decide, type OverrideDecision, withoutOverrides } from '../../../domain/overrides.ts'
import { anyHistory, anyOwnership } from '../provisioning/histories.ts'
import { createWorld } from '../provisioning/worlds.ts'
import { anyDecision } from './decisions.ts'

const by = 'an operator'
export const anyOverriddenHistory = anyHistory({ longest: 12, orders: 1, accounts: 'many' })
/** After which change which of the people is decided about, and what. */
export const anyOrders = fc.array(fc.tuple(fc.nat(20), fc.nat(20), anyDecision), { maxLength: 8 })

/** Tells the changes with decisions between them; `watch` sees the people after each step. */
export function tellWithDecisions(
  { world, tell }: ReturnType<typeof createWorld>,
  changes: UserChange[],
  between: [number, number, OverrideDecision][],
  watch: (step: number) => void,
): void {
  for (const [step, change] of changes.entries()) {
    tell(change)
    for (const [index, [after, who, decision]] of between.entries()) {
      const at = step * between.length + index
      const living = [...world.people.values()].filter(({ replacedBy }) => !replacedBy)
      const person = living[who % Math.max(1, living.length)]
      if (after === step && person) world.people.set(person.id, decide(person, decision, { at, by }))
    }
    watch(step)
  }
}

/** Overrides change nothing but the fields that they decide: under them lie the people that there would be without. */
export const transparency = fc.property(
  anyOverriddenHistory,
  anyOrders,
  anyOwnership,
  ({ retold }, between, ownership) => {
    const changes = retold.flat()
    const plain = createWorld(ownership)
    const overridden = createWorld(ownership)
    tellWithDecisions(overridden, changes, between, (step) => {
      const change = changes[step]
      if (change) plain.tell(change)
      const people = [...overridden.world.people.values()]
      assert.deepEqual(people.map(withoutOverrides), [...plain.world.people.values()])
      assert.deepEqual(overridden.world.records, plain.world.records)
    })
    const lift = { status: null, role: null }
    const lifted = [...overridden.world.people.values()].map((person) =>
      decide(person, lift, { at: 9999, by }),
    )
    assert.deepEqual(lifted, [...plain.world.people.values()])
  },
)
