import type { Change, FieldName, PersonFields, UserUpserted } from '../../../domain/change.ts'
import type { FieldOwnership } from '../../../domain/ownership.ts'
import type { Provenance } from '../../../domain/person.ts'

/** What can be seen of a person who is not deleted. */
export interface VisiblePerson extends PersonFields {
  emailCanonical: string | null
  provenance: Provenance
}

interface Statement {
  value: unknown
  at: number
  event: string
  upstream: string
  externalId: string
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

/**
 * Who is there after all of these changes, read off the bare set, by section 4 of the contract. It shares no code
 * with the project: addresses are only ever lowered, as the tests' addresses need no more.
 */
export function peopleAfter(changes: Change[], ownership: FieldOwnership): VisiblePerson[] {
  const ids = [...new Set(changes.map(idOf))]
  const emailOf = new Map(ids.map((id) => [id, spokenBy(id, 'email', changes, ownership)]))
  const addresses = [...new Set([...emailOf.values()].flatMap((said) => (said ? [keyOf(said)] : [])))]

  return addresses.sort().flatMap((address) => {
    const holders = ids.filter((id) => emailOf.get(id) && keyOf(emailOf.get(id) as Statement) === address)
    const heads = holders.filter((id) =>
      holders.every((rival) => {
        if (rival === id || upstreamOf(rival) !== upstreamOf(id)) return true
        return isLater(emailOf.get(id) as Statement, emailOf.get(rival) as Statement)
      }),
    )
    if (!heads.some((id) => isAlive(id, changes))) return []
    const living = holders.filter((id) => isAlive(id, changes))
    const person: Record<string, unknown> = { emailCanonical: address }
    const provenance: Record<string, unknown> = {}
    for (const field of Object.keys(unknown) as FieldName[]) {
      const speak = (ids: string[]) => ids.flatMap((id) => spokenBy(id, field, changes, ownership) ?? [])
      const first = speak(living.filter((id) => heads.includes(id)))
      const said = first.length > 0 ? first : speak(living)
      const heard = ownership[field] === 'local' ? earliest(said) : latest(said)
      person[field] = heard ? heard.value : unknown[field]
      if (!heard) continue
      const { upstream, externalId, at, event } = heard
      provenance[field] = { source: upstream, externalId, at, event }
    }
    return [{ ...person, provenance } as unknown as VisiblePerson]
  })
}

/** What one record says of a field: its newest word, or for a field that is ours the first that was not empty. */
function spokenBy(id: string, field: FieldName, changes: Change[], ownership: FieldOwnership) {
  const said = changes
    .filter((change): change is UserUpserted => change.type === 'user.upserted' && idOf(change) === id)
    .filter((change) => field in change.fields)
    .map(({ upstream, externalId, stamp, fields }) => ({
      upstream,
      externalId,
      ...stamp,
      value: fields[field],
    }))
  if (ownership[field] !== 'local') return latest(said)
  return earliest(said.filter(({ value }) => value !== null && value !== '' && value !== false))
}

/** Not deleted, or created after the last deletion. */
function isAlive(id: string, changes: Change[]): boolean {
  const own = changes.filter((change) => idOf(change) === id)
  const deletions = own.filter((change) => change.type === 'user.deleted')
  const births = own.filter((change) => change.type === 'user.upserted' && change.created)
  return births.length + deletions.length === 0 || deletions.every((deletion) => isBefore(deletion, births))
}

function isBefore(deletion: Change, births: Change[]): boolean {
  return births.some((birth) => birth.stamp.at > deletion.stamp.at)
}

function isLater(a: Statement, b: Statement): boolean {
  const [left, right] = [
    [a.event, a.upstream, a.externalId, JSON.stringify(a.value)],
    [b.event, b.upstream, b.externalId, JSON.stringify(b.value)],
  ]
  if (a.at !== b.at) return a.at > b.at
  const index = left.findIndex((part, place) => part !== right[place])
  return index >= 0 && (left[index] ?? '') > (right[index] ?? '')
}

function latest(said: Statement[]): Statement | undefined {
  return said.find((one) => said.every((other) => !isLater(other, one)))
}

function earliest(said: Statement[]): Statement | undefined {
  return said.find((one) => said.every((other) => !isLater(one, other)))
}

const idOf = (change: { upstream: string; externalId: string }) => `${change.upstream} ${change.externalId}`
const upstreamOf = (id: string) => id.split(' ')[0]
const keyOf = (said: Statement) => String(said.value).toLowerCase()
