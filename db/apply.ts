import type { TransactionSql } from 'postgres'
import { type Change, fieldNames, isUserChange, type UserChange } from '../domain/change.ts'
import type { CanonicalEmail } from '../domain/email.ts'
import { isDeleted } from '../domain/facts.ts'
import { isProof, type Person } from '../domain/person.ts'
import { type Applied, applyChange, type Rules, type World } from '../domain/provisioning.ts'
import { createRecord, isNews, recordEmail, recordKey, type UpstreamRecord } from '../domain/record.ts'
import { addressOf } from '../domain/twins.ts'
import { namedBy } from './named-organizations.ts'
import { type Notice, notify } from './notices.ts'
import { belongsElsewhere } from './own-memberships.ts'
import { endSessionsOf } from './sessions.ts'
import { isTenancyChange, saveTenancy, type TenancyAnswer, tellTenancy } from './tenancy.ts'
import { loadWorld, lockRecords, savePeople, saveRecords, saveSights } from './world.ts'

/** What became of a change. For an organization `userId` is null. */
export interface AppliedChange extends Applied {
  kind: 'user' | 'organization' | 'membership'
  upstream: string
  externalId: string
  /** What the change is about looks different now: more than where a value came from has changed. */
  isVisible: boolean
  /** The person was active, and is not any more. */
  isDisabled: boolean
}

/** Why changes are written. `isLookup`: a look-up by address found them; instances hear of it with the notices. */
export interface ChangeCause {
  isLookup?: true
}

/**
 * Writes changes to records, people, organizations and memberships in the caller's transaction and answers each in its
 * place. People who are no longer active lose their sessions here; other instances hear of it when the transaction
 * commits.
 */
export async function applyChanges(
  tx: TransactionSql,
  changes: Change[],
  rules: Rules,
  cause: ChangeCause = {},
): Promise<AppliedChange[]> {
  const about = changes.map(toUserChange)
  const told = about.flatMap((change) => change ?? [])
  const keys = [...told.map(recordKey), ...changes.flatMap(tenancyKeys)]
  const emails = [...told.flatMap(emailsOf), ...(await lockRecords(tx, keys, told))]
  const [world, tenancy] = await Promise.all([
    loadWorld(tx, told, emails),
    tellTenancy(tx, changes.filter(isTenancyChange), namedBy(told)),
  ])
  const before: World = { records: new Map(world.records), people: new Map(world.people) }
  const applied = about.map((change) => change && applyChange(world, change, rules))

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
  const ended = [...world.people.values()].filter((person) => losesSessions(before, world, person))

  // What is pointed to before what points to it; all in one journey.
  await Promise.all([
    savePeople(tx, people, idsOf(moved)),
    saveRecords(tx, touched.filter(isWritten)),
    saveSights(
      tx,
      touched.filter((record) => !isWritten(record)),
    ),
    endSessionsOf(tx, idsOf(ended)),
    notify(tx, [
      ...visible.flatMap((person) => noticesOf(person, before.people.get(person.id), cause)),
      ...touched.flatMap((record) => noticesOfMove(before.records.get(recordKey(record)), record)),
    ]),
    saveTenancy(
      tx,
      tenancy,
      [...world.records.values()].filter(mayHaveMoved),
      people.filter((person) => belongsElsewhere(before.people.get(person.id), person)),
    ),
  ])

  const visibleIds = new Set<string | null>(idsOf(visible))
  const disabledIds = new Set<string | null>(
    idsOf(
      people.filter(({ id, status }) => status !== 'active' && before.people.get(id)?.status === 'active'),
    ),
  )
  return changes.map((change, index): AppliedChange => {
    const own = applied[index] ?? { path: 'stale', hadEffect: false, userId: null, duplicateOf: null }
    const { upstream, externalId } = change
    const { userId } = own
    const isVisible = visibleIds.has(userId)
    const isDisabled = disabledIds.has(userId)
    if (isUserChange(change)) return { kind: 'user', upstream, externalId, ...own, isVisible, isDisabled }
    const answer = tenancy.answers.get(change) ?? unheard
    return { upstream, externalId, ...answer, userId, duplicateOf: null, isDisabled }
  })

  /** Whose memberships may not be those of the same person any more, or of nobody. */
  function mayHaveMoved(record: UpstreamRecord): boolean {
    if (!record.isAccount) return false
    const was = before.records.get(recordKey(record))
    const lives = (one: World, id: string | null) => one.people.get(id ?? '')?.status !== 'deleted'
    if (!was || was.userId !== record.userId || isDeleted(was) !== isDeleted(record)) return true
    return lives(before, was.userId) !== lives(world, record.userId)
  }
}

/**
 * Whether the sessions of a person end: they are not active any more, their address or their password has changed, or a
 * verified identity has joined whom none had proven so far.
 */
function losesSessions(before: World, after: World, person: Person): boolean {
  const was = before.people.get(person.id)
  if (was?.status !== 'active') return false
  if (person.status !== 'active') return true
  if (was.emailCanonical !== null && was.emailCanonical !== person.emailCanonical) return true
  if (was.passwordHash !== null && was.passwordHash !== person.passwordHash) return true
  return isProven(before, person.id) === false && isProven(after, person.id) === true
}

/** Undefined for who is known here alone. */
function isProven({ records }: World, userId: string): boolean | undefined {
  const theirs = [...records.values()].filter((record) => record.userId === userId)
  return theirs.length === 0 ? undefined : theirs.some((record) => isProof(record) && !isDeleted(record))
}

/** What a change says of a person: whoever belongs to something is there. */
function toUserChange(change: Change): UserChange | undefined {
  if (isUserChange(change)) return change
  if (change.type !== 'membership.upserted') return undefined
  const { upstream, user, stamp, readAt } = change
  const sight = { type: 'user.upserted', upstream, externalId: user, stamp } as const
  return { ...sight, ...(readAt !== undefined && { readAt }), created: false, isAccount: true, fields: {} }
}

/** A membership is locked by its user and its organization. */
function tenancyKeys(change: Change): string[] {
  if (isUserChange(change)) return []
  const { upstream } = change
  const keyOf = (externalId: string) => `organization\n${recordKey({ upstream, externalId })}`
  if (!('user' in change)) return [keyOf(change.externalId)]
  return [keyOf(change.organization), recordKey({ upstream, externalId: change.user })]
}

const unheard: TenancyAnswer = { kind: 'organization', path: 'stale', hadEffect: false, isVisible: false }

function looksDifferent(was: Person | undefined, is: Person): boolean {
  if (!was || was.emailCanonical !== is.emailCanonical || was.status !== is.status) return true
  return belongsElsewhere(was, is) || fieldNames.some((field) => was[field] !== is[field])
}

/** Under either address somebody may have been remembered as unknown. */
function noticesOf(person: Person, was: Person | undefined, cause: ChangeCause): Notice[] {
  const emails = [was?.emailCanonical, person.emailCanonical].flatMap((email) => email ?? [])
  if (emails.length === 0) return [{ userId: person.id }]
  return [...new Set(emails)].map((email) => ({ userId: person.id, email, ...cause }))
}

/** Whoever is remembered by this record is somebody else now, though neither of them looks different. */
function noticesOfMove(was: UpstreamRecord | undefined, is: UpstreamRecord): Notice[] {
  if (!was?.userId || was.userId === is.userId) return []
  return [was.userId, is.userId].flatMap((userId) => (userId ? [{ userId }] : []))
}

/** The addresses that a change names. */
function emailsOf(change: UserChange): CanonicalEmail[] {
  const own = recordEmail(createRecord(change.upstream, change.externalId))
  return [...(own ? [own] : []), ...addressOf(change)]
}

function idsOf(people: Person[]): string[] {
  return people.map(({ id }) => id)
}
