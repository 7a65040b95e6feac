import { type Facts, isDeleted, isVanished } from './facts.ts'
import { compareSources, type Person, type Source } from './person.ts'
import type { UpstreamRecord } from './record.ts'

/** Whether upstream has something: a deletion says no; a complete listing without it does until it is seen. */
export type Presence = 'present' | 'vanished' | 'deleted'

export function presenceOf(facts: Facts<unknown>): Presence {
  return isDeleted(facts) ? 'deleted' : isVanished(facts) ? 'vanished' : 'present'
}

/** A person is as present as the most present of the records that stand for them. */
export function bestPresence(records: UpstreamRecord[]): Presence {
  const all = records.map(presenceOf)
  return (['present', 'vanished'] as const).find((presence) => all.includes(presence)) ?? 'deleted'
}

/** Who vanished is disabled; where the records or somebody here said so already, it stays their word. */
export function withPresence(person: Person, records: UpstreamRecord[]): Person {
  const presence = bestPresence(records)
  if (presence === 'deleted') return { ...person, status: 'deleted' }
  if (presence === 'present' || person.status !== 'active') return person
  const [status] = records.flatMap(vanishing).sort((a, b) => compareSources(b, a))
  return { ...person, status: 'disabled', provenance: { ...person.provenance, ...(status && { status }) } }
}

function vanishing(record: UpstreamRecord): Source[] {
  const { upstream, externalId, vanished } = record
  if (presenceOf(record) !== 'vanished' || !vanished) return []
  return [{ source: upstream, externalId, ...vanished }]
}
