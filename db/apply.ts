import type { TransactionSql } from 'postgres'
import type { Change } from '../domain/change.ts'
import { toCanonicalEmail } from '../domain/email.ts'
import type { Person } from '../domain/person.ts'
import { type Applied, applyChange, type Rules, recordKey, type World } from '../domain/provisioning.ts'
import { notify } from './notices.ts'
import { endSessionsOf } from './sessions.ts'
import { loadWorld, savePeople, saveRecords } from './world.ts'

export interface AppliedChange extends Applied {
  upstream: string
  externalId: string
}

/**
 * Writes changes to records and people in the caller's transaction and answers each in its place. People who
 * are no longer active lose their sessions here; other instances hear of it when the transaction commits.
 */
export async function applyChanges(
  tx: TransactionSql,
  changes: Change[],
  rules: Rules,
): Promise<AppliedChange[]> {
  const emails = changes.flatMap((change) =>
    change.type === 'user.upserted' && change.fields.email
      ? (toCanonicalEmail(change.fields.email) ?? [])
      : [],
  )
  const world = await loadWorld(tx, changes, emails)
  const before: World = { records: new Map(world.records), people: new Map(world.people) }
  const applied = changes.map((change) => {
    const { upstream, externalId } = change
    return { upstream, externalId, ...applyChange(world, change, rules) }
  })

  const people = [...world.people.values()].filter((person) => before.people.get(person.id) !== person)
  const moved = people.filter((person) => {
    const was = before.people.get(person.id)?.emailCanonical ?? null
    return was !== null && was !== person.emailCanonical
  })
  const records = [...world.records.values()].filter(
    (record) => before.records.get(recordKey(record)) !== record,
  )
  const ended = people.filter(
    ({ id, status }) => status !== 'active' && before.people.get(id)?.status === 'active',
  )

  // People before the records that point to them; all in one journey.
  await Promise.all([
    savePeople(tx, people, idsOf(moved)),
    saveRecords(tx, records),
    endSessionsOf(tx, idsOf(ended)),
    notify(
      tx,
      people.flatMap(({ id }) => (before.people.has(id) ? [{ userId: id }] : [])),
    ),
  ])
  return applied
}

function idsOf(people: Person[]): string[] {
  return people.map(({ id }) => id)
}
