import { type Change, fieldNames, toMembershipName } from '../../domain/change.ts'
import { roles } from '../../domain/grant.ts'
import { type OrganizationRef, toOrganizationName } from '../../domain/organization-ref.ts'
import { BrokenPromise, demand, show } from './check.ts'
import { isKeepable } from './discretion.ts'

/** An address of 254 octets, called `mailto:`. */
const longestId = 261
const longestText = 4096

const common = ['type', 'upstream', 'externalId', 'stamp']
const membership = ['organization', 'user']
const upserted = ['created', 'fields', 'readAt']

const recordFields: readonly string[] = [...fieldNames, 'organizations']

const keysOf: Record<Change['type'], readonly string[]> = {
  'user.upserted': [...common, ...upserted, 'bornAt', 'isAccount', 'isUnverified'],
  'user.deleted': common,
  'user.vanished': common,
  'organization.upserted': [...common, ...upserted],
  'organization.deleted': common,
  'membership.upserted': [...common, ...membership, ...upserted],
  'membership.deleted': [...common, ...membership],
  'membership.vanished': [...common, ...membership],
}

/** Throws unless each is a change as the house takes it: what the types say, and what they cannot say. */
export function demandWellFormed(changes: readonly Change[], upstream: string): void {
  for (const change of changes) {
    try {
      demandChange(change, upstream)
    } catch (error) {
      if (!(error instanceof BrokenPromise)) throw error
      throw new BrokenPromise(`${error.message}\n  in ${show(change)}`)
    }
  }
}

function demandChange(change: Change, upstream: string): void {
  demand(typeof change === 'object' && change !== null, 'A change is an object.')
  demand(Object.hasOwn(keysOf, change.type), `${show(change.type)} is no kind of change.`)
  demand(change.upstream === upstream, 'A change carries the name of its upstream.')
  demandKeys(change, keysOf[change.type], 'A change')
  demandStamp(change.stamp)
  if ('organization' in change) {
    demandId(change.organization)
    demandId(change.user)
    const { externalId } = toMembershipName(upstream, change.organization, change.user)
    demand(change.externalId === externalId, 'A membership is called by toMembershipName.')
  } else demandId(change.externalId)
  if (!('fields' in change)) return
  demand(typeof change.created === 'boolean', '`created` is true or false.')
  if ('readAt' in change) {
    demand(isMoment(change.readAt), '`readAt` is a moment in milliseconds.')
    demand(change.stamp.at <= (change.readAt ?? 0), 'The stamp is not later than the moment of reading.')
  }
  if (change.type === 'user.upserted') demandPerson(change)
  if (change.type === 'organization.upserted') demandNames(change.fields, ['name', 'slug', 'settings'])
  if (change.type === 'membership.upserted') demandGrant(change.fields)
}

function demandKeys(value: object, known: readonly string[], what: string): void {
  for (const [name, item] of Object.entries(value)) {
    demand(known.includes(name), `${what} has nothing called ${show(name)}.`)
    demand(item !== undefined, `${show(name)} is left out where it was not told, and not undefined.`)
  }
}

function demandId(id: unknown): void {
  const isId = typeof id === 'string' && id.length <= longestId && /^[^\s\p{C}]+$/u.test(id)
  demand(isId, `An id has 1 to ${longestId} printable characters and no space.`)
}

function demandStamp(stamp: unknown): void {
  demand(typeof stamp === 'object' && stamp !== null, 'A change has a stamp.')
  demandKeys(stamp, ['at', 'event'], 'A stamp')
  demand('at' in stamp && isMoment(stamp.at), 'A stamp has the moment in milliseconds since 1970.')
  const event = 'event' in stamp ? stamp.event : undefined
  const isName = typeof event === 'string' && event !== '' && isKeepable(event)
  demand(isName, 'A stamp names its event: a text that is not empty and has no NUL.')
}

function isMoment(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value <= 253_402_300_799_999
}

function demandPerson(change: Change & { type: 'user.upserted' }): void {
  const { fields, isAccount, isUnverified } = change
  demand(change.bornAt === undefined || isMoment(change.bornAt), '`bornAt` is a moment in milliseconds.')
  for (const mark of [isAccount, isUnverified])
    demand(mark === undefined || mark, '`isAccount` and `isUnverified` are true or left out.')
  demandNames(fields, recordFields)
  const { email, emailVerified, status, role, passwordHash, organizations } = fields
  demand(
    email === undefined || (typeof email === 'string' && email === email.trim()),
    'An address is trimmed.',
  )
  const isVerdict = emailVerified === undefined || typeof emailVerified === 'boolean'
  demand(isVerdict, '`emailVerified` is true or false.')
  const isTaken = email && emailVerified === false && !isUnverified
  demand(!isTaken, 'An address that is not verified says so: `isUnverified`.')
  demand(status === undefined || status === 'active' || status === 'disabled', 'Unknown status.')
  demand(role === undefined || roles.includes(role), `A role is one of ${roles.join(', ')}.`)
  demand(organizations === undefined || organizations.every(isRef), 'An organization has a name or an id.')
  demand(passwordHash === undefined || passwordHash === null || passwordHash !== '', 'A hash is not empty.')
}

function isRef(ref: OrganizationRef): boolean {
  if ('id' in ref) return /^[^\s\p{C}]{1,200}$/u.test(ref.id)
  return toOrganizationName(ref.name) === ref.name
}

function demandNames(fields: object, known: readonly string[]): void {
  demand(typeof fields === 'object' && fields !== null, 'A change that tells something has fields.')
  demandKeys(fields, known, 'A record')
  demand(isKeepable(fields), 'A text has neither a NUL nor half of a surrogate pair.')
  for (const name of ['name', 'avatarUrl']) {
    const text: unknown = Reflect.get(fields, name)
    if (text === undefined || (text === null && known === recordFields)) continue
    const isText = typeof text === 'string' && text !== '' && text.length <= longestText
    demand(isText && text === text.trim(), `\`${name}\` is a trimmed text of 1 to ${longestText} characters.`)
  }
}

function demandGrant(fields: { grant?: unknown }): void {
  demandKeys(fields, ['grant'], 'A membership')
  if (!('grant' in fields)) return
  const { grant } = fields
  demand(typeof grant === 'object' && grant !== null, 'A grant is an object.')
  demandKeys(grant, ['roles', 'role', 'isMapped'], 'A grant')
  const told: unknown = 'roles' in grant ? grant.roles : undefined
  const isList = Array.isArray(told) && told.every((role) => typeof role === 'string') && isKeepable(told)
  demand(isList, 'A grant lists the roles as upstream writes them.')
  const role: unknown = 'role' in grant ? grant.role : undefined
  demand(
    roles.some((known) => known === role),
    `A role is one of ${roles.join(', ')}.`,
  )
  demand('isMapped' in grant && typeof grant.isMapped === 'boolean', '`isMapped` is true or false.')
}
