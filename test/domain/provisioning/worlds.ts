import type { FieldName, UserChange } from '../../../domain/change.ts'
import { defaultOwnership, type FieldOwnership } from '../../../domain/ownership.ts'
import type { LocalValue } from '../../../domain/person.ts'
import { type Applied, applyChange, applyLocalValue, type World } from '../../../domain/provisioning.ts'
import type { VisiblePerson } from './reference.ts'

/** A world in memory that is told changes one by one. */
export function createWorld(ownership: FieldOwnership = defaultOwnership, rekeyWindowMs?: number) {
  const world: World = { records: new Map(), people: new Map() }
  let ids = 0
  const createId = () => `id ${String(++ids).padStart(4, '0')}`
  const tell = (change: UserChange): Applied =>
    applyChange(world, change, { ownership, createId, ...(rekeyWindowMs !== undefined && { rekeyWindowMs }) })
  const setHere = (userId: string, field: FieldName, value: LocalValue) =>
    applyLocalValue(world, userId, field, value, { ownership, createId })
  return { world, tell, setHere, people: () => visiblePeople(world) }
}

/** Everybody who is not deleted, by address, and after them who has none; ids are left out, for they depend on who came first. */
function visiblePeople({ people, records }: World): VisiblePerson[] {
  const all = [...records.values()]
  const living = [...people.values()].flatMap(({ id, status, ...person }) => {
    if (status === 'deleted') return []
    const theirs = all.filter(({ userId }) => userId === id)
    const names = theirs.map(({ upstream, externalId }) => `${upstream} ${externalId}`)
    return [{ ...person, status, organizations: person.organizations ?? null, records: names.sort() }]
  })
  const place = ({ emailCanonical, records }: VisiblePerson) => emailCanonical ?? `\u{ffff}${records}`
  return living.sort((a, b) => (place(a) < place(b) ? -1 : 1))
}
