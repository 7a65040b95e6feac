import type { Sql } from 'postgres'
import type { CanonicalEmail } from '../domain/email.ts'
import type { Overrides } from '../domain/overrides.ts'
import type { Provenance } from '../domain/person.ts'
import type { Claims } from '../domain/record.ts'
import type { Stamp } from '../domain/stamp.ts'

export interface Explanation {
  id: string
  email: string
  status: string
  role: string
  /** By field; of a password only whether there is one. */
  values: Record<string, string | boolean | null>
  provenance: Provenance
  overrides: Overrides | null
  records: {
    upstream: string
    externalId: string
    claims: Omit<Claims, 'passwordHash'>
    lifecycle: { created?: Stamp; deleted?: Stamp }
    checkedAt: string
  }[]
}

/** Who an address is and where each value came from, hashes left out; deleted people are included. */
export async function explainPeople(sql: Sql, email: CanonicalEmail): Promise<Explanation[]> {
  return sql<Explanation[]>`
    select u.id, u.email, u.status, u.role, u.provenance, u.overrides,
      jsonb_build_object('email', u.email, 'name', u.name, 'avatarUrl', u.avatar_url, 'emailVerified', u.email_verified,
        'status', u.status, 'role', u.role, 'passwordHash', case when u.password_hash is not null then 'set' end) as values,
      coalesce(
      (
        select jsonb_agg(jsonb_build_object('upstream', i.upstream, 'externalId', i.external_id,
          'claims', i.claims - 'passwordHash', 'lifecycle', i.lifecycle, 'checkedAt', i.checked_at))
        from firstlogin.identities i where i.user_id = u.id
      ), '[]') as records
    from firstlogin.users u where u.email_canonical = ${email}`
}
