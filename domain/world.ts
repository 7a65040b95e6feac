import type { Person } from './person.ts'
import {
  addressAt,
  isAddressRecord,
  type Keeps,
  type Place,
  placeOf,
  recordKey,
  type UpstreamRecord,
} from './record.ts'
import { standingOf } from './standing.ts'

/**
 * The records and people that a change can touch: every record and person of the places involved, and every record
 * linked to one of those people. `applyChange` writes into it.
 */
export interface World {
  records: Map<string, UpstreamRecord>
  people: Map<string, Person>
}

export function membersOf(world: World, place: Place): UpstreamRecord[] {
  return [...world.records.values()].filter((record) => placeOf(record) === place)
}

/** Where an account stands that no address finds. */
export function accountPlace(record: UpstreamRecord): Place {
  return `\n${recordKey(record)}`
}

/** Where a record stands in the end: an account that is a duplicate stands for itself. */
export function standsAt(world: World, record: UpstreamRecord, keeps: Keeps): Place | undefined {
  const place = placeOf(record)
  if (place === undefined || addressAt(place) === null || !record.isAccount) return place
  const { alone } = standingOf(membersOf(world, place), place, keeps)
  return alone.some((one) => recordKey(one) === recordKey(record)) ? accountPlace(record) : place
}

/** True while another place has a record that stands for this person; people move with their records. */
export function isTaken(world: World, person: Person, place: Place, keeps: Keeps): boolean {
  for (const record of world.records.values()) {
    if (record.userId !== person.id || isAddressRecord(record)) continue
    const at = standsAt(world, record, keeps)
    if (at !== undefined && at !== place) return true
  }
  return false
}
