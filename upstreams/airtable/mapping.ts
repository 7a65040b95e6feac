import type { PersonFields, RecordFields, UserUpserted } from '../../domain/change.ts'
import { toCanonicalEmail } from '../../domain/email.ts'
import { toInstant } from '../../domain/instant.ts'
import {
  type OrganizationRef,
  toOrganizationName,
  toOrganizationRefs,
} from '../../domain/organization-ref.ts'
import { isSupportedHash, isTooExpensiveHash } from '../../domain/password.ts'
import { toText } from '../text.ts'
import type { Log } from '../upstream.ts'
import type { AirtableRecord } from './answers.ts'
import type { AirtableEnv } from './env.ts'
import { toRole, toStatus } from './words.ts'

/** What was told of a person, by our names: cells of a record, values of an event. What is missing was not told. */
export type Told = {
  [Key in
    | 'email'
    | 'emailVerified'
    | 'name'
    | 'avatarUrl'
    | 'status'
    | 'role'
    | 'organization'
    | 'passwordHash']?: unknown
}

/**
 * What a record that was just read says; nothing where its address cell is empty. A cell that cannot be read says nothing, and is
 * named in the log with its record. Where that is the status, a second change says that a record of which no status is
 * known is disabled.
 */
export function toChanges(
  record: AirtableRecord,
  env: AirtableEnv,
  readAt: number,
  log: Log,
): UserUpserted[] {
  const { modifiedAt: modified, ...columns } = env.AIRTABLE_FIELDS
  const told: Told = Object.fromEntries(
    Object.entries(columns).map(([key, column]) => [key, record.fields[column]]),
  )
  if (isEmpty(told.email)) return []
  const { fields, hasUnknownStatus } = toFields(told, env, (event, details) =>
    log('warn', event, { record: record.id, ...details }),
  )
  const createdAt = toInstant(record.createdTime ?? '')
  const modifiedAt = modified ? Date.parse(toOneText(record.fields[modified]) ?? '') : Number.NaN
  const about = {
    type: 'user.upserted',
    upstream: 'airtable',
    externalId: record.id,
    created: false,
  } as const
  const change: UserUpserted = {
    ...about,
    ...(fields.emailVerified === false && { isUnverified: true }),
    fields,
    readAt,
    ...(createdAt !== undefined && { bornAt: createdAt }),
    // A read of the same edit may see more of it than an earlier read did: the later one wins the tie.
    stamp: {
      at: modifiedAt <= readAt ? modifiedAt : readAt,
      event: `read ${new Date(readAt).toISOString()}`,
    },
  }
  return hasUnknownStatus ? [toUnknownStatus(record.id), change] : [change]
}

/** A record is disabled until a status can be read: older than all that was ever said of it. */
export function toUnknownStatus(externalId: string): UserUpserted {
  return {
    type: 'user.upserted',
    upstream: 'airtable',
    externalId,
    created: false,
    fields: { status: 'disabled' },
    stamp: { at: 0, event: 'unreadable status' },
  }
}

/** A person's fields out of what was told; what cannot be understood gives the least, and is named to `warn`. */
export function toFields(
  told: Told,
  env: Pick<AirtableEnv, 'AIRTABLE_STATUS_MAP' | 'AIRTABLE_ROLE_MAP' | 'AIRTABLE_FIELDS' | 'AIRTABLE_EMAILS'>,
  warn: (event: string, details: Record<string, unknown>) => void,
): { fields: Partial<RecordFields>; hasUnknownStatus: boolean } {
  const fields: Partial<RecordFields> = {}
  const email = isEmpty(told.email) ? undefined : toOneAddress(told.email)
  if (email) Object.assign(fields, { email, ...toVerified(told.emailVerified, env) })
  else if (!isEmpty(told.email)) warn('record.unusable', { reason: 'its address cannot be used' })

  /** The texts of a cell; undefined for one that was not told, or cannot be read. */
  function read(key: Exclude<keyof Told, 'email' | 'emailVerified'>): string[] | undefined {
    if (!(key in told)) return undefined
    const texts = toTexts(told[key])
    if (!texts) warn('cell.unreadable', { field: key })
    return texts
  }

  const name = read('name')
  if (name) fields.name = toText(name.join(', ')) || null
  const avatarUrl = read('avatarUrl')
  if (avatarUrl) fields.avatarUrl = toText(avatarUrl[0]) || null
  const roles = read('role')
  if (roles) {
    const { role, isMapped } = toRole(toWords(roles), env.AIRTABLE_ROLE_MAP)
    if (!isMapped && roles.length > 0) warn('role.unknown', { role: roles.join(', ').slice(0, 40) })
    fields.role = role
  }
  const statuses = read('status')
  if (statuses) {
    const status = toStatus(toWords(statuses), env.AIRTABLE_STATUS_MAP)
    if (!status) warn('status.unknown', { status: statuses.join(', ').slice(0, 40) })
    fields.status = status ?? 'disabled'
  }
  const organizations = toOrganizations(told, env)
  if (organizations) fields.organizations = organizations
  else if ('organization' in told) warn('cell.unreadable', { field: 'organization' })
  const hashes = read('passwordHash')
  if (hashes) {
    const [hash = null] = hashes.length > 1 ? [''] : hashes
    const isUsable = hash !== null && isSupportedHash(hash)
    if (hash !== null && !isUsable)
      warn(isTooExpensiveHash(hash) ? 'password_hash.too_expensive' : 'password_hash.unsupported', {})
    fields.passwordHash = isUsable ? hash : null
  }
  return { fields, hasUnknownStatus: 'status' in told && !statuses }
}

/**
 * All organizations of a cell: by their names, or by the ids of linked records. None where no column is configured. Undefined for a
 * cell that was not told, or cannot be read in full: a name that is too long, and was cut, might be that of another.
 */
function toOrganizations(
  told: Told,
  { AIRTABLE_FIELDS }: Pick<AirtableEnv, 'AIRTABLE_FIELDS'>,
): OrganizationRef[] | undefined {
  if (AIRTABLE_FIELDS.organization === undefined) return []
  const texts = 'organization' in told ? toTexts(told.organization, Number.POSITIVE_INFINITY) : undefined
  const refs = texts?.map((text): OrganizationRef | undefined => {
    if (/^rec[A-Za-z0-9]{14}$/.test(text)) return { id: text }
    const name = toOrganizationName(text)
    return name === undefined ? undefined : { name }
  })
  return refs?.every((ref) => ref !== undefined) ? toOrganizationRefs('airtable', refs) : undefined
}

/** A table's column says it of each address; what cannot be read is not verified. Else a setting may say that none is. */
function toVerified(
  cell: unknown,
  { AIRTABLE_FIELDS, AIRTABLE_EMAILS }: Pick<AirtableEnv, 'AIRTABLE_FIELDS' | 'AIRTABLE_EMAILS'>,
): Pick<Partial<PersonFields>, 'emailVerified'> {
  if (AIRTABLE_FIELDS.emailVerified === undefined)
    return AIRTABLE_EMAILS === 'unverified' ? { emailVerified: false } : {}
  return { emailVerified: /^(true|yes|y|1|verified|confirmed)$/i.test(toOneText(cell) ?? '') }
}

/** The address of a cell, which may hold it more than once; undefined for several, and for text that is none. */
function toOneAddress(cell: unknown): string | undefined {
  // Never cut: what is too long is refused, and must not turn into somebody else's.
  const texts = toTexts(cell, Number.POSITIVE_INFINITY) ?? []
  const addresses = new Set(texts.map(toCanonicalEmail))
  return addresses.size === 1 && !addresses.has(undefined) ? texts[0] : undefined
}

/** The one text of a cell; undefined for several, and for a cell that cannot be read. */
function toOneText(cell: unknown): string | undefined {
  const texts = toTexts(cell)
  return texts && texts.length <= 1 ? (texts[0] ?? '') : undefined
}

/** No text is the empty word. */
function toWords(texts: string[]): string[] {
  return texts.length === 0 ? [''] : texts
}

function isEmpty(cell: unknown): boolean {
  return toTexts(cell)?.length === 0
}

/**
 * The texts of a cell that are not empty: one, or those of a list. Undefined where it, or one of a list, is no text: the error
 * of a formula (`{ "error": "#ERROR!" }`), a special value, a collaborator, a button.
 */
function toTexts(cell: unknown, longest?: number): string[] | undefined {
  if (cell === undefined || cell === null) return []
  if (Array.isArray(cell)) {
    const lists = cell.map((item) => toTexts(item, longest))
    return lists.every((list) => list !== undefined) ? lists.flat() : undefined
  }
  const text = toText(typeof cell === 'boolean' || typeof cell === 'number' ? String(cell) : cell, longest)
  if (text === undefined) return undefined
  return text === '' ? [] : [text]
}
