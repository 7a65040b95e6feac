import type { Facts } from '../domain/facts.ts'
import type { Stamp } from '../domain/stamp.ts'

/** Facts as the columns of a row. */
export interface FactsRow {
  claims: object
  lifecycle: { created?: Stamp; deleted?: Stamp; vanished?: Stamp; born?: number }
  /** Milliseconds since 1970. */
  seenAt: number
}

export function toFactsRow({ claims, created, deleted, vanished, born, seenAt }: Facts<unknown>): object {
  return { claims, lifecycle: { created, deleted, vanished, born }, seenAt }
}

export function toStoredFacts<Fields>({ claims, lifecycle, seenAt }: FactsRow): Facts<Fields> {
  const { created, deleted, vanished, born } = lifecycle
  return { claims, created, deleted, vanished, born, seenAt }
}
