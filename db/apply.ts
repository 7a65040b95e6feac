import type { TransactionSql } from 'postgres'
import { type Change, fieldNames } from '../domain/change.ts'
import { type CanonicalEmail, toCanonicalEmail } from '../domain/email.ts'
import type { Person } from '../domain/person.ts'
import { type Applied, applyChange, type Rules, recordKey, type World } from '../domain/provisioning.ts'
import { createRecord, isNews, recordEmail, type UpstreamRecord } from '../domain/record.ts'
import { type Notice, notify } from './notices.ts'
import { endSessionsOf } from './sessions.ts'
import { loadWorld, savePeople, saveRecords, saveSights } from './world.ts'

export interface AppliedChange extends Applied {
  upstream: string
  externalId: string
  /** The person looks different now: more than where a value came from has changed. */
  isVisible: boolean
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
  const world = await loadWorld(tx, changes, changes.flatMap(emailsOf))
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
  const touched = [...world.records.values()].filter(
    (record) => before.records.get(recordKey(record)) !== record,
  )
  const isWritten = (record: UpstreamRecord) => isNews(before.records.get(recordKey(record)), record)
  const visible = people.filter((person) => looksDifferent(before.people.get(person.id), person))
  const ended = people.filter(
    ({ id, status }) => status !== 'active' && before.people.get(id)?.status === 'active',
  )

  // People before the records that point to them; all in one journey.
  await Promise.all([
    savePeople(tx, people, idsOf(moved)),
    saveRecords(tx, touched.filter(isWritten)),
    saveSights(
      tx,
      touched.filter((record) => !isWritten(record)),
    ),
    endSessionsOf(tx, idsOf(ended)),
    notify(
      tx,
      visible.flatMap((person) => noticesOf(person, before.people.get(person.id))),
    ),
  ])
  const visibleIds = new Set<string | null>(idsOf(visible))
  return applied.map((one) => ({ ...one, isVisible: visibleIds.has(one.userId) }))
}

function looksDifferent(was: Person | undefined, is: Person): boolean {
  if (!was || was.emailCanonical !== is.emailCanonical || was.status !== is.status) return true
  return fieldNames.some((field) => was[field] !== is[field])
}

/** Under either address somebody may have been remembered as unknown. */
function noticesOf(person: Person, was: Person | undefined): Notice[] {
  const emails = [was?.emailCanonical, person.emailCanonical].flatMap((email) => email ?? [])
  if (emails.length === 0) return [{ userId: person.id }]
  return [...new Set(emails)].map((email) => ({ userId: person.id, email }))
}

/** The addresses that a change names. */
function emailsOf(change: Change): CanonicalEmail[] {
  const own = recordEmail(createRecord(change.upstream, change.externalId))
  const named = change.type === 'user.upserted' && toCanonicalEmail(change.fields.email ?? '')
  return [own, named].flatMap((email) => email || [])
}

function idsOf(people: Person[]): string[] {
  return people.map(({ id }) => id)
}
