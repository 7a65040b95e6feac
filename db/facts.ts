import type { Facts } from '../domain/facts.ts'
import type { Stamp } from '../domain/stamp.ts'

/** Facts as the columns of a row. */
export interface FactsRow {
  claims: object
  lifecycle: { created?: Stamp; deleted?: Stamp; vanished?: Stamp }
  /** Milliseconds since 1970. */
  seenAt: number
}

export function toFactsRow({ claims, created, deleted, vanished, seenAt }: Facts<unknown>): object {
  return { claims, lifecycle: { created, deleted, vanished }, seenAt }
}

export function toStoredFacts<Fields>({ claims, lifecycle, seenAt }: FactsRow): Facts<Fields> {
  const { created, deleted, vanished } = lifecycle
  return { claims, created, deleted, vanished, seenAt }
}
