import fc from 'fast-check'
import type { OverrideDecision } from '../../../domain/overrides.ts'

/** What an operator may decide, liftings included. */
export const anyDecision: fc.Arbitrary<OverrideDecision> = fc.record(
  {
    status: fc.constantFrom('active', 'disabled', 'disabled', null),
    role: fc.constantFrom('owner', 'admin', 'viewer', null),
  },
  { requiredKeys: [], noNullPrototype: true },
)
