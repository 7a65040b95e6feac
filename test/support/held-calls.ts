import type { AirtableStandIn } from '../../sandbox/airtable/stand-in.ts'

export interface HeldCalls {
  /** Calls that have come and have no answer. */
  unanswered(): number
  /** Answers what is held back now, and goes on holding back what comes later. */
  letGo(): void
  /** Answers everything from now on. */
  end(): void
}

/** From now on every call to the stand-in waits until the test lets it go. */
export function holdCalls(standIn: AirtableStandIn): HeldCalls {
  const hold = () => void standIn.setFault({ kind: 'none', latencyMs: 600_000 })
  hold()
  return {
    unanswered: () =>
      standIn
        .calls()
        .calls.filter(({ status }) => status === 0)
        .reduce((sum, { count }) => sum + count, 0),
    letGo() {
      standIn.heal()
      hold()
    },
    end: () => void standIn.heal(),
  }
}
