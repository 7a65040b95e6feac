import type {
  FieldName,
  PersonFields,
  RecordFields,
  UserChange,
  UserUpserted,
} from '../../../domain/change.ts'
import { canonicalEmail } from '../../../domain/email.ts'
import type { FieldOwnership } from '../../../domain/ownership.ts'
import type { Provenance } from '../../../domain/person.ts'
import type { Stamp } from '../../../domain/stamp.ts'

/** What can be seen of a person who is not deleted. */
export interface VisiblePerson extends PersonFields {
  emailCanonical: string | null
  provenance: Provenance
  /** Keys of the organizations that the records name; null where none says anything of organizations. */
  organizations: string[] | null
  /** The records that stand for the person. */
  records: string[]
}

/** A record of an upstream and every change that is about it. */
interface Told {
  upstream: string
  externalId: string
  changes: UserChange[]
  /** What the same upstream told of the address alone; its changes are among those above, too. */
  shared?: Told[]
}

interface Statement extends Stamp {
  upstream: string
  externalId: string
  value: unknown
  /** Of an address: upstream has not verified it. */
  isUnverified?: boolean
  /** Since when it has been said without another value in between. */
  since?: number
}

const unknown: PersonFields = {
  email: '',
  emailVerified: false,
  name: null,
  avatarUrl: null,
  status: 'active',
  role: 'viewer',
  passwordHash: null,
}

const byAddress = 'mailto:'

/**
 * Who is there after all of these changes, read off the bare set by section 4 of the contract: no state, no order, and
 * no code of the project but the canonical form of an address.
 */
export function peopleAfter(changes: UserChange[], ownership: FieldOwnership): VisiblePerson[] {
  const names = [...new Set(changes.map(nameOf))]
  const all = names.map((name) => toldOf(changes.filter((change) => nameOf(change) === name)))
  const addresses = [...new Set(all.flatMap((told) => addressOf(told, ownership) ?? []))].sort()
  const found = addresses.map((address) => {
    const members = all.filter((told) => addressOf(told, ownership) === address)
    return peopleAt(address, members, ownership)
  })
  // An account stands for a person, with or without an address.
  const accounts = all.filter((told) => addressOf(told, ownership) === undefined && isAccount(told))
  const lone = [...accounts, ...found.flatMap(({ alone }) => alone)]
  const unknown = lone.flatMap((told) => personAt(null, [told], [], ownership) ?? [])
  return [
    ...found.flatMap(({ person }) => person ?? []),
    ...unknown.sort((a, b) => (String(a.records) < String(b.records) ? -1 : 1)),
  ]
}

/** Who has an address, and the accounts that have it, too, and stand for themselves. */
function peopleAt(
  address: string,
  members: Told[],
  ownership: FieldOwnership,
): { person: VisiblePerson | undefined; alone: Told[] } {
  // News of an address are news of whoever has it in that upstream, as far as they are as well verified.
  const inFull = (told: Told): Told => {
    const [shared] = isByAddress(told)
      ? []
      : members.filter((one) => isByAddress(one) && one.upstream === told.upstream)
    if (!shared) return told
    const isAlike = !isNamed(shared) || isUnverified(shared) === isUnverified(told)
    const heard = isAlike ? shared.changes : shared.changes.map(withoutFields)
    const own = { ...told, changes: [...told.changes, ...heard] }
    return isAlike ? { ...own, shared: [shared] } : own
  }
  const isGone = (told: Told) => presenceOf(inFull(told)) === 'deleted'
  const verified = members.filter((told) => isNamed(told) && !isUnverified(told))
  const unverified = members.filter((told) => isNamed(told) && isUnverified(told))
  const isUnverifiedHeard = verified.every(isGone) && !unverified.every(isGone)
  const silenced = verified.length === 0 ? [] : isUnverifiedHeard ? verified : unverified
  const heard = members.filter((told) => !silenced.includes(told))
  const alone = heard.filter(isByAddress)
  const holders = heard.filter((told) => !isByAddress(told))
  // One record of each upstream stands for the address: of those that are there the first to name it.
  const rank = (told: Told): [number, number, string] => [
    ['present', 'vanished', 'deleted'].indexOf(presenceOf(inFull(told))),
    namedSince(told),
    told.externalId,
  ]
  const heads = holders.filter((told) =>
    holders.every((rival) => {
      if (rival === told || rival.upstream !== told.upstream) return true
      const [left, right] = [rank(told), rank(rival)]
      const index = left.findIndex((part, place) => part !== right[place])
      return (left[index] ?? 0) < (right[index] ?? 0)
    }),
  )
  const orphans = alone.filter(({ upstream }) => holders.every((holder) => holder.upstream !== upstream))
  const speakers = [...heads, ...orphans].map(inFull)
  return {
    person: personAt(address, speakers, alone, ownership),
    alone: members.filter(
      (told) =>
        isAccount(told) && !heads.includes(told) && !isByAddress(told) && presenceOf(told) === 'present',
    ),
  }

  function isNamed(told: Told): boolean {
    return spokenBy(told, 'email', ownership) !== undefined
  }

  function isUnverified(told: Told): boolean {
    return spokenBy(told, 'email', ownership)?.isUnverified === true
  }

  /** The first of the times at which it named its address since it named another. */
  function namedSince(told: Told): number {
    const toKey = (email: string) => (email === '' ? '' : canonicalEmail(email))
    const namings = upsertsOf(told).flatMap(({ fields: { email }, stamp, readAt }) => {
      return email === undefined ? [] : [{ key: toKey(email), at: Math.max(stamp.at, readAt ?? 0) }]
    })
    return firstOfRun(namings, toKey(String(spokenBy(told, 'email', ownership)?.value)))
  }
}

/** That it was there, and no more. */
function withoutFields(change: UserChange): UserChange {
  return change.type === 'user.upserted' ? { ...change, fields: {} } : change
}

/** The first of the times of a value that are later than every time of another; else its last. */
function firstOfRun(namings: { key: string; at: number }[], key: string): number {
  const times = namings.filter((naming) => naming.key === key).map(({ at }) => at)
  const others = namings.filter((naming) => naming.key !== key).map(({ at }) => at)
  const present = times.filter((at) => others.every((other) => at > other))
  return present.length > 0 ? Math.min(...present) : Math.max(...times)
}

function personAt(
  address: string | null,
  speakers: Told[],
  alone: Told[],
  ownership: FieldOwnership,
): VisiblePerson | undefined {
  const presence = (['present', 'vanished'] as const).find((one) =>
    speakers.some((told) => presenceOf(told) === one),
  )
  if (!presence) return undefined
  const isHeard = (told: Told) => presenceOf(told) === presence
  const person: Record<string, unknown> = { emailCanonical: address }
  const provenance: Record<string, unknown> = {}
  const set = (field: FieldName, statement: Statement) => {
    const { value, upstream, externalId, at, event } = statement
    person[field] = value
    provenance[field] = { source: upstream, externalId, at, event }
  }
  for (const field of Object.keys(unknown) as FieldName[]) {
    const said = speakers.filter(isHeard).flatMap((told) => {
      const word = spokenBy(told, field, ownership)
      return word ? [withSince(told, field, word)] : []
    })
    // Whoever is shut out by one upstream is not let in by another.
    const refusals = field === 'status' ? said.filter(({ value }) => value === 'disabled') : []
    const words = refusals.length > 0 ? refusals : said
    const heard = (
      { local: () => earliest(said), upstream: () => latest(words), newest: () => youngest(words) } as const
    )[ownership[field]]()
    person[field] = unknown[field]
    if (heard) set(field, heard)
  }
  if (presence === 'vanished' && person['status'] === 'active') {
    const missed = speakers.filter(isHeard).flatMap((told) => latest(vanishings(told)) ?? [])
    set('status', latest(missed) as Statement)
  }
  const organizations = organizationsOf(speakers.filter(isHeard), ownership)
  const records = [...new Set([...speakers, ...alone].map(nameOf))].sort()
  return { ...person, provenance, organizations, records } as unknown as VisiblePerson
}

/** All that the newest cells name. */
function organizationsOf(heard: Told[], ownership: FieldOwnership): string[] | null {
  const cells = heard.flatMap((told) => {
    const word = spokenBy(told, 'organizations', ownership)
    return word ? [{ told, refs: word.value as RecordFields['organizations'] }] : []
  })
  if (cells.length === 0) return null
  const keys = cells.flatMap(({ told, refs }) =>
    refs.map((ref) => ('id' in ref ? `${told.upstream}:${ref.id}` : `name:${ref.name.toLowerCase()}`)),
  )
  return [...new Set(keys)].sort()
}

/** Where somebody belongs is for upstream alone to say. */
function ownerOf(field: keyof RecordFields, ownership: FieldOwnership) {
  return field === 'organizations' ? 'upstream' : ownership[field]
}

/** What one record says of a field: its newest word, or for a field that is ours the first that was not empty. */
function spokenBy(told: Told, field: keyof RecordFields, ownership: FieldOwnership): Statement | undefined {
  if (told.shared) {
    const { shared, ...whole } = told
    const foreign = new Set(shared.flatMap(({ changes }) => changes))
    const own = { ...whole, changes: whole.changes.filter((change) => !foreign.has(change)) }
    // What was said of an address before its deletion was said of somebody else.
    const still = shared.flatMap((one) => {
      const word = spokenBy(one, field, ownership)
      const isOver = one.changes.some(
        ({ type, stamp }) => type === 'user.deleted' && word && stamp.at >= word.at,
      )
      return word && !isOver ? { ...word, externalId: told.externalId } : []
    })
    const words = [...still, ...[spokenBy(own, field, ownership) ?? []].flat()]
    return ownerOf(field, ownership) === 'local' ? earliest(words) : latest(words)
  }
  const said = wordsOf(told, field)
  if (ownerOf(field, ownership) !== 'local') return latest(said)
  return earliest(said.filter(({ value }) => value !== null && value !== '' && value !== false))
}

function wordsOf(told: Told, field: keyof RecordFields): Statement[] {
  return upsertsOf(told)
    .filter(({ fields }) => field in fields)
    .map(({ stamp, fields, isUnverified }) => {
      const statement = toStatement(told, stamp, fields[field])
      return field === 'email' ? { ...statement, isUnverified: isUnverified === true } : statement
    })
}

/** The same with since when it has been so: a value that is repeated is as old as it was. */
function withSince(told: Told, field: FieldName, word: Statement): Statement {
  const { shared = [] } = told
  const foreign = new Set(shared.flatMap(({ changes }) => changes))
  const own = { ...told, changes: told.changes.filter((change) => !foreign.has(change)) }
  const others = shared.flatMap((one) => {
    const deletions = one.changes.filter(({ type }) => type === 'user.deleted')
    return wordsOf(one, field).filter(({ at }) => deletions.every(({ stamp }) => at > stamp.at))
  })
  const namings = [...wordsOf(own, field), ...others].map(({ value, at }) => {
    return { key: JSON.stringify(value), at }
  })
  return { ...word, since: firstOfRun(namings, JSON.stringify(word.value)) }
}

/** What has been so for the shortest time. */
function youngest(said: Statement[]): Statement | undefined {
  const since = Math.max(...said.map((one) => one.since ?? 0))
  return latest(said.filter((one) => one.since === since))
}

function addressOf(told: Told, ownership: FieldOwnership): string | undefined {
  if (isByAddress(told)) return told.externalId.slice(byAddress.length)
  const said = spokenBy(told, 'email', ownership)
  if (!said || said.value === '' || (said.isUnverified && isAccount(told))) return undefined
  return canonicalEmail(String(said.value))
}

function isAccount(told: Told): boolean {
  return upsertsOf(told).some((change) => change.isAccount)
}

/** Deleted unless created after every deletion; vanished if a complete listing missed what nobody saw since. */
function presenceOf(told: Told): 'present' | 'vanished' | 'deleted' {
  const upserts = upsertsOf(told)
  const births = upserts.filter(({ created }) => created)
  const deletions = told.changes.filter(({ type }) => type === 'user.deleted')
  if (deletions.some(({ stamp }) => !births.some((birth) => birth.stamp.at > stamp.at))) return 'deleted'
  const sights = upserts.map(({ stamp, readAt }) => Math.max(stamp.at, readAt ?? stamp.at))
  return vanishings(told).some(({ at }) => !sights.some((sight) => sight >= at)) ? 'vanished' : 'present'
}

function vanishings(told: Told): Statement[] {
  const notices = told.changes.filter(({ type }) => type === 'user.vanished')
  return notices.map(({ stamp }) => toStatement(told, stamp, 'disabled'))
}

function upsertsOf(told: Told): UserUpserted[] {
  return told.changes.filter((change) => change.type === 'user.upserted')
}

function toldOf(changes: UserChange[]): Told {
  const { upstream = '', externalId = '' } = changes[0] ?? {}
  return { upstream, externalId, changes }
}

function toStatement({ upstream, externalId }: Told, stamp: Stamp, value: unknown): Statement {
  return { upstream, externalId, ...stamp, value }
}

function isByAddress({ externalId }: Told): boolean {
  return externalId.startsWith(byAddress)
}

function isLater(a: Statement, b: Statement): boolean {
  if (a.at !== b.at) return a.at > b.at
  const [left, right] = [a, b].map((one) => [
    one.event,
    one.upstream,
    one.externalId,
    JSON.stringify(one.value),
    String(one.isUnverified === true),
  ])
  const index = left?.findIndex((part, place) => part !== right?.[place]) ?? -1
  return index >= 0 && (left?.[index] ?? '') > (right?.[index] ?? '')
}

function latest(said: Statement[]): Statement | undefined {
  return said.find((one) => said.every((other) => !isLater(other, one)))
}

function earliest(said: Statement[]): Statement | undefined {
  return said.find((one) => said.every((other) => !isLater(one, other)))
}

function nameOf({ upstream, externalId }: { upstream: string; externalId: string }): string {
  return `${upstream} ${externalId}`
}
