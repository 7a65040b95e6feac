import type { Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { toText } from '../text.ts'
import { type ApiUser, Metadata, type Row } from './answers.ts'

const metadata = Compile(Metadata)
/** What is picked of a user, in the names of the table's columns: nothing else is ever seen, kept or logged. */
export interface Account {
  id: string
  updated_at: string | null
  /** Empty for none. */
  email: string
  email_confirmed_at: string | null
  is_sso_user: boolean
  banned_until: string | null
  deleted_at: string | null
  raw_user_meta_data: { name: string | null; avatar_url: string | null }
  raw_app_meta_data: { role: string | null; firstlogin: string[] }
}

/** Picks an account out of a row; an account that is picked again is the same. */
export function pickAccount(row: Row): Account {
  const app = readMetadata(row.raw_app_meta_data)
  return {
    id: row.id,
    updated_at: toTime(row.updated_at ?? row.created_at),
    // Never cut: what is too long must not turn into somebody else's.
    email: toText(row.email, Number.POSITIVE_INFINITY) ?? '',
    email_confirmed_at: toTime(row.email_confirmed_at),
    is_sso_user: row.is_sso_user === true || isSso(app['provider']),
    banned_until: toTime(row.banned_until),
    deleted_at: toTime(row.deleted_at),
    raw_user_meta_data: pickProfile(readMetadata(row.raw_user_meta_data)),
    raw_app_meta_data: { role: toRoleWord(app['role']), firstlogin: toMarks(app['firstlogin']) },
  }
}

export function pickApiUser(user: ApiUser): Account {
  const { user_metadata, app_metadata, identities, ...columns } = user
  const is_sso_user = identities?.some(({ provider }) => isSso(provider)) ?? false
  return pickAccount({
    ...columns,
    is_sso_user,
    raw_user_meta_data: user_metadata,
    raw_app_meta_data: app_metadata,
  })
}

/** Users write all of this themselves: it is for show. */
function pickProfile(told: Static<typeof Metadata>): Account['raw_user_meta_data'] {
  const full = ['full_name', 'name'].map((key) => toText(told[key])).find(Boolean)
  const parts = [toText(told['first_name']), toText(told['last_name'])].filter(Boolean).join(' ')
  const picture = ['avatar_url', 'picture'].map((key) => toText(told[key])).find(isWebAddress)
  return { name: full ?? (parts || null), avatar_url: picture ?? null }
}

/** Null for no word at all; what is there and not a word means nothing, which gives the least. */
function toRoleWord(told: unknown): string | null {
  return told === undefined || told === null ? null : (toText(told, 100) ?? '')
}

function toMarks(told: unknown): string[] {
  const marks: unknown[] = Array.isArray(told) ? told : [told]
  return marks
    .filter((mark) => typeof mark === 'string')
    .filter((mark) => /^[0-9a-f]{64}$/.test(mark))
    .slice(0, 8)
}

/** What is shown as a picture is fetched by a browser: nothing but the web. */
function isWebAddress(text: string | undefined): boolean {
  return text !== undefined && /^https?:\/\//i.test(text)
}

/** Such as `sso:` and the id of the connection. Their users may share an address. */
function isSso(provider: unknown): boolean {
  return typeof provider === 'string' && provider.startsWith('sso:')
}

function toTime(told: string | null | undefined): string | null {
  return toText(told, 40) || null
}

function readMetadata(told: unknown): Static<typeof Metadata> {
  return metadata.Check(told) ? told : {}
}
