import { createHash } from 'node:crypto'
import type { PersonFields } from '../../domain/change.ts'
import type { Account } from './account.ts'

/** All that is followed of a person's account; a role that is not there is not told. */
export type Tracked = Pick<PersonFields, 'email' | 'emailVerified' | 'name' | 'avatarUrl' | 'status'> &
  Partial<Pick<PersonFields, 'role'>>

/**
 * What a write of our own leaves in `app_metadata.firstlogin`, alone or in a list: the digest of the fields as the row
 * has them when the write is done. The row that comes back with it is no news.
 */
export function digestOf(tracked: Partial<PersonFields>): string {
  const {
    email = '',
    emailVerified = false,
    name = null,
    avatarUrl = null,
    status = 'active',
    role = null,
  } = tracked
  // Supabase writes addresses in lower case.
  const fields = [email.toLowerCase(), emailVerified, name, avatarUrl, status, role]
  return createHash('sha256').update(JSON.stringify(fields)).digest('hex')
}

export function isEcho(account: Account, fields: Partial<PersonFields>): boolean {
  return account.raw_app_meta_data.firstlogin.includes(digestOf(fields))
}
