import { createHash, randomBytes, randomUUID } from 'node:crypto'
import Type, { type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { emailExists, GoTrueError, invalid, UniqueViolation, unexpected } from './errors.ts'
import { readGoDuration } from './go-duration.ts'
import type { Metadata, Row } from './row.ts'
import type { Table } from './table.ts'

const Anything = Type.Record(Type.String(), Type.Unknown())

/** What the administrator's calls take; `banned_until` is none of it, and is ignored like everything unknown. */
const AdminUser = Type.Object({
  id: Type.Optional(Type.String()),
  aud: Type.Optional(Type.String()),
  role: Type.Optional(Type.String()),
  email: Type.Optional(Type.String()),
  phone: Type.Optional(Type.String()),
  password: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  password_hash: Type.Optional(Type.String()),
  email_confirm: Type.Optional(Type.Boolean()),
  phone_confirm: Type.Optional(Type.Boolean()),
  user_metadata: Type.Optional(Type.Union([Anything, Type.Null()])),
  app_metadata: Type.Optional(Type.Union([Anything, Type.Null()])),
  ban_duration: Type.Optional(Type.String()),
})
type AdminUser = Static<typeof AdminUser>

const adminUser = Compile(AdminUser)
const uuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i

function readAdminUser(body: unknown): AdminUser {
  const told = body ?? {}
  if (!adminUser.Check(told)) throw new GoTrueError(400, 'bad_json', 'Could not parse request body as JSON')
  return told
}

export function readEmail(email: unknown): string {
  if (typeof email !== 'string' || email === '') throw invalid('An email address is required')
  if (Buffer.byteLength(email) > 255) throw invalid('An email address is too long')
  if (!/^[^\s@]+@[^\s@]+$/.test(email)) throw invalid('Unable to validate email address: invalid format')
  return email.toLowerCase()
}

export function findByEmail(table: Table, email: string): Row | undefined {
  return table.all().find((row) => row.email === email && !row.is_sso_user)
}

/** Keys with null go; nothing is merged below the first level. */
export function mergeMetadata(kept: Metadata, told: Metadata): Metadata {
  return Object.fromEntries(Object.entries({ ...kept, ...told }).filter(([, value]) => value !== null))
}

/** Where a user is written one statement at a time, each of them a change of the row, as GoTrue does. */
export function createUser(table: Table, body: unknown, clock: () => number): Row {
  const told = readAdminUser(body)
  if (!told.email && !told.phone) throw invalid('Cannot create a user without either an email or phone')
  const email = told.email ? readEmail(told.email) : null
  if (email && findByEmail(table, email)) throw emailExists()
  const phone = told.phone || null
  if (phone && table.all().some((row) => row.phone === phone))
    throw new GoTrueError(422, 'phone_exists', 'Phone number already registered by another user')
  if (told.password && told.password_hash)
    throw invalid('Only a password or a password hash should be provided')
  const id = told.id ? readId(told.id) : randomUUID()
  const ban = readBan(told.ban_duration)
  const providers = [...(email ? ['email'] : []), ...(phone ? ['phone'] : [])]

  return allOrNothing(table, 'Database error creating new user', () => {
    table.insert(id, {
      email,
      phone,
      aud: told.aud || 'authenticated',
      encrypted_password: told.password_hash ?? hashOf(told.password ?? randomBytes(48).toString('base64')),
      raw_app_meta_data: { provider: providers[0], providers },
      raw_user_meta_data: told.user_metadata ?? {},
    })
    table.update(id, { role: told.role || 'authenticated' })
    return write(table, id, { app_metadata: told.app_metadata, ...confirmations(told), ban }, clock)
  })
}

export function updateUser(table: Table, row: Row, body: unknown, clock: () => number): Row {
  const told = readAdminUser(body)
  const email = told.email ? readEmail(told.email) : undefined
  const ban = readBan(told.ban_duration)
  if (told.password && told.password.length < 6)
    throw new GoTrueError(422, 'weak_password', 'Password should be at least 6 characters.')
  return allOrNothing(table, 'Error updating user', () => {
    if (told.role) table.update(row.id, { role: told.role })
    write(table, row.id, confirmations(told), clock)
    if (told.password) table.update(row.id, { encrypted_password: hashOf(told.password) })
    // Nobody looks whether somebody else has it: the index does.
    if (email) table.update(row.id, { email })
    if (told.phone) table.update(row.id, { phone: told.phone })
    return write(
      table,
      row.id,
      { app_metadata: told.app_metadata, user_metadata: told.user_metadata, ban },
      clock,
    )
  })
}

interface Writes {
  emailConfirm?: boolean
  phoneConfirm?: boolean
  app_metadata?: Metadata | null | undefined
  user_metadata?: Metadata | null | undefined
  ban?: number | undefined
}

/** Taking a confirmation back is not among the things that can be asked for. */
function confirmations({ email_confirm, phone_confirm }: AdminUser): Writes {
  return { emailConfirm: email_confirm ?? false, phoneConfirm: phone_confirm ?? false }
}

function write(table: Table, id: string, told: Writes, clock: () => number): Row {
  const row = () => getRow(table, id)
  if (told.app_metadata)
    table.update(id, { raw_app_meta_data: mergeMetadata(row().raw_app_meta_data, told.app_metadata) })
  if (told.user_metadata)
    table.update(id, { raw_user_meta_data: mergeMetadata(row().raw_user_meta_data, told.user_metadata) })
  if (told.emailConfirm) table.update(id, { email_confirmed_at: table.now(), confirmation_token: '' })
  if (told.phoneConfirm) table.update(id, { phone_confirmed_at: table.now() })
  if (told.ban !== undefined) table.update(id, { banned_until: bannedUntil(told.ban, clock) })
  return row()
}

/** Everything that could tell who it was is replaced by a digest or emptied; the row stays. */
export function softDelete(table: Table, row: Row): void {
  if (row.deleted_at !== null) return
  const digest = (value: string) => createHash('sha256').update(`${row.id}${value}`).digest('base64url')
  table.transaction(() => {
    table.update(row.id, {
      email: digest(row.email ?? ''),
      phone: digest(row.phone ?? '').slice(0, 15),
      email_change: digest(row.email_change),
      phone_change: digest(row.phone_change).slice(0, 15),
      encrypted_password: null,
      confirmation_token: '',
      recovery_token: '',
      email_change_token_current: '',
      email_change_token_new: '',
      phone_change_token: '',
      deleted_at: table.now(),
    })
    table.update(row.id, { raw_user_meta_data: {} })
    table.update(row.id, { raw_app_meta_data: {} })
  })
}

export function bannedUntil(ms: number, clock: () => number): string | null {
  return ms === 0 ? null : new Date(clock() + ms).toISOString().replace('Z', '000+00:00')
}

export function getRow(table: Table, id: string): Row {
  const row = table.find(id)
  if (!row) throw new GoTrueError(404, 'user_not_found', 'User not found')
  return row
}

/** Stands for bcrypt, whose cost nobody needs in a sandbox. */
export function hashOf(password: string): string {
  return `$2a$10$${createHash('sha256').update(password).digest('base64url').padEnd(53, '.').slice(0, 53)}`
}

export const isUuid = (id: string) => uuid.test(id)

function readId(id: string): string {
  if (!isUuid(id)) throw invalid('ID must conform to the uuid v4 format')
  if (/^[0-]+$/.test(id)) throw invalid('ID cannot be a nil uuid')
  return id.toLowerCase()
}

function readBan(duration: string | undefined): number | undefined {
  if (!duration) return undefined
  const ms = duration === 'none' ? 0 : readGoDuration(duration)
  if (ms === undefined)
    throw invalid(`invalid format for ban duration: time: invalid duration ${JSON.stringify(duration)}`)
  return ms
}

function allOrNothing<T>(table: Table, failed: string, work: () => T): T {
  try {
    return table.transaction(work)
  } catch (error) {
    if (error instanceof UniqueViolation) throw error.toGoTrue(failed)
    throw error instanceof GoTrueError ? error : unexpected(failed)
  }
}
