import type { PersonFields, UserUpserted } from '../../domain/change.ts'
import { toCanonicalEmail } from '../../domain/email.ts'
import { findWord, type RoleWords } from '../../domain/grant.ts'
import type { Stamp } from '../../domain/stamp.ts'
import type { Account } from './account.ts'
import type { SupabaseEnv } from './env.ts'
import { isAhead, toMoment } from './moment.ts'

type Words = Pick<SupabaseEnv, 'SUPABASE_ROLE_MAP'>

const usualRoles: RoleWords = { owner: 'owner', admin: 'admin', member: 'member', viewer: 'viewer' }

/**
 * What an account says of its person at a moment. An address without confirmation, or one that SSO users may share,
 * counts as not verified.
 */
export function toFields(account: Account, { SUPABASE_ROLE_MAP }: Words, now: number): Partial<PersonFields> {
  const { email, email_confirmed_at, is_sso_user, raw_user_meta_data: profile } = account
  const word = account.raw_app_meta_data.role
  return {
    // What cannot be anybody's address is none.
    email: toCanonicalEmail(email) === undefined ? '' : email,
    emailVerified: email !== '' && email_confirmed_at !== null && !is_sso_user,
    name: profile.name,
    avatarUrl: profile.avatar_url,
    status: isAhead(account.banned_until, now) ? 'disabled' : 'active',
    ...(word !== null && { role: findWord(word, SUPABASE_ROLE_MAP, usualRoles) ?? 'viewer' }),
  }
}

/** Somebody with an account, by what is told of them. */
export function toUpserted(
  account: Account,
  news: { fields: Partial<PersonFields>; stamp: Stamp; created: boolean; readAt?: number },
): UserUpserted {
  const { email, emailVerified } = news.fields
  return {
    type: 'user.upserted',
    upstream: 'supabase',
    externalId: account.id,
    isAccount: true,
    ...(email && !emailVerified && { isUnverified: true }),
    ...news,
    // Supabase has none: its people belong to the default one.
    fields: { ...news.fields, organizations: [] },
  }
}

/** What an account that was just read says. Undefined for one that was deleted and left its row behind. */
export function toRead(account: Account, env: Words, readAt: number): UserUpserted | undefined {
  if (account.deleted_at !== null) return undefined
  return toUpserted(account, {
    fields: toFields(account, env, readAt),
    created: false,
    readAt,
    stamp: { at: toReadTime(account, readAt), event: `read ${new Date(readAt).toISOString()}` },
  })
}

/**
 * Since when it has been so. SQL may ban somebody and leave `updated_at` as it was: a ban is as new as its read, and
 * one that has run out gives way at its end, so that neither loses against what was told before.
 */
function toReadTime(account: Account, readAt: number): number {
  if (isAhead(account.banned_until, readAt)) return readAt
  const updatedAt = toMoment(account.updated_at)?.at ?? readAt
  return Math.min(Math.max(updatedAt, toMoment(account.banned_until)?.at ?? 0), readAt)
}
