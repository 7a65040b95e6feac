import { createHash, randomInt, randomUUID } from 'node:crypto'
import { findByEmail, hashOf, mergeMetadata, readEmail } from './admin-users.ts'
import { emailExists, GoTrueError, invalid } from './errors.ts'
import { createRow, type Metadata, type Row } from './row.ts'
import type { Table } from './table.ts'

/** Asks the hook, if there is one, whether somebody may be made. */
export type MayCreate = (row: Row) => Promise<void>

export interface Wanted {
  email: string
  password?: string
  data?: Metadata
}

/** Somebody who has yet to confirm the address; the hook is asked first. */
export async function makeUnconfirmed(table: Table, wanted: Wanted, mayCreate: MayCreate): Promise<Row> {
  const id = randomUUID()
  const known = {
    email: wanted.email,
    encrypted_password: wanted.password ? hashOf(wanted.password) : '',
    raw_app_meta_data: { provider: 'email', providers: ['email'] },
    raw_user_meta_data: { sub: id, email: wanted.email, email_verified: false, ...wanted.data },
  }
  await mayCreate(createRow(id, table.now(), known))
  return table.transaction(() => {
    table.insert(id, known)
    return table.update(id, { role: 'authenticated' })
  })
}

export async function invite(table: Table, body: unknown, mayCreate: MayCreate): Promise<Row> {
  const { email: told, data } = (body ?? {}) as { email?: unknown; data?: Metadata }
  const email = readEmail(told)
  const known = findByEmail(table, email)
  if (known?.confirmed_at) throw emailExists()
  const { id } = known ?? (await makeUnconfirmed(table, { email, ...(data && { data }) }, mayCreate))
  const at = table.now()
  return table.update(id, { ...createToken(email).confirmation, confirmation_sent_at: at, invited_at: at })
}

const linkTypes = ['signup', 'invite', 'magiclink', 'recovery', 'email_change_current', 'email_change_new']

interface LinkBody {
  type?: string
  email?: unknown
  new_email?: unknown
  password?: string
  data?: Metadata
  redirect_to?: string
}

/** Makes whoever is not there yet, for the types that may; no mail is sent. */
export async function generateLink(
  table: Table,
  body: unknown,
  redirect: string | undefined,
  mayCreate: MayCreate,
): Promise<{ row: Row; link: object }> {
  const { type = '', email: told, password, data, ...rest } = (body ?? {}) as LinkBody
  const email = readEmail(told)
  if (!linkTypes.includes(type)) throw invalid(`Invalid email action link type requested: ${type}`)
  const known = findByEmail(table, email)
  const isNewcomers = type === 'signup' || type === 'invite' || type === 'magiclink'
  if (!known && !isNewcomers) throw new GoTrueError(404, 'user_not_found', 'User with this email not found')
  const kind = !known && type === 'magiclink' ? 'signup' : type
  if (kind === 'signup' && type === 'signup' && !known && !password)
    throw invalid('Signup requires a valid password')
  if (known?.confirmed_at && (kind === 'signup' || kind === 'invite')) throw emailExists()
  const wanted = { email, ...(password && { password }), ...(data && { data }) }
  const user = known ?? (await makeUnconfirmed(table, wanted, mayCreate))

  const token = createToken(kind === 'email_change_new' ? readEmail(rest.new_email) : email)
  const row = table.update(user.id, { ...toColumns(kind, token, rest.new_email, table.now()) })
  if (known && kind === 'signup' && data)
    table.update(row.id, { raw_user_meta_data: mergeMetadata(row.raw_user_meta_data, data) })
  const redirectTo = redirect ?? rest.redirect_to ?? 'http://localhost:3000'
  const values = new URLSearchParams({ token: token.hashed, type: kind, redirect_to: redirectTo })
  return {
    row: table.find(row.id) ?? row,
    link: {
      action_link: `http://localhost/auth/v1/verify?${values.toString()}`,
      email_otp: token.otp,
      hashed_token: token.hashed,
      verification_type: kind,
      redirect_to: redirectTo,
    },
  }
}

interface Token {
  otp: string
  hashed: string
  confirmation: { confirmation_token: string }
}

function createToken(email: string): Token {
  const otp = String(randomInt(1_000_000)).padStart(6, '0')
  const hashed = createHash('sha224').update(`${email}${otp}`).digest('hex')
  return { otp, hashed, confirmation: { confirmation_token: hashed } }
}

function toColumns(
  kind: string,
  { hashed, confirmation }: Token,
  newEmail: unknown,
  at: string,
): Partial<Row> {
  switch (kind) {
    case 'signup':
      return { ...confirmation, confirmation_sent_at: at }
    case 'invite':
      return { ...confirmation, confirmation_sent_at: at, invited_at: at }
    case 'email_change_current':
    case 'email_change_new':
      return {
        [kind === 'email_change_new' ? 'email_change_token_new' : 'email_change_token_current']: hashed,
        email_change: readEmail(newEmail),
        email_change_sent_at: at,
      }
    default:
      return { recovery_token: hashed, recovery_sent_at: at }
  }
}
