import type { Row } from './row.ts'

const toApiTime = (time: string) => time.replace('+00:00', 'Z')

const optionalTimes = [
  'email_confirmed_at',
  'invited_at',
  'phone_confirmed_at',
  'confirmation_sent_at',
  'confirmed_at',
  'recovery_sent_at',
  'email_change_sent_at',
  'phone_change_sent_at',
  'reauthentication_sent_at',
  'last_sign_in_at',
  'banned_until',
  'deleted_at',
] as const satisfies (keyof Row)[]

/** A user as the API shows it: no hash, no token, no word of SSO; a time that is not set is left out. */
export function toApiUser(row: Row, shape: 'one' | 'listed' = 'one'): object {
  const times = optionalTimes.flatMap((name): [string, string][] => {
    const time = row[name]
    return time === null ? [] : [[name, toApiTime(time)]]
  })
  return {
    id: row.id,
    aud: row.aud,
    role: row.role,
    email: row.email ?? '',
    phone: row.phone ?? '',
    ...Object.fromEntries(times),
    ...(row.email_change && { new_email: row.email_change }),
    ...(row.phone_change && { new_phone: row.phone_change }),
    app_metadata: row.raw_app_meta_data,
    user_metadata: row.raw_user_meta_data,
    // Lists are read without them.
    identities: shape === 'listed' ? null : identitiesOf(row),
    created_at: toApiTime(row.created_at),
    updated_at: toApiTime(row.updated_at),
    is_anonymous: row.is_anonymous,
  }
}

function identitiesOf(row: Row): object[] {
  const provider = row.raw_app_meta_data['provider']
  if (typeof provider !== 'string') return []
  const sub = provider === 'email' || provider === 'phone' ? row.id : `${provider} ${row.id}`
  return [
    {
      identity_id: row.id.replace(/^.{8}/, '1de27171'),
      id: sub,
      user_id: row.id,
      identity_data: { sub, email: row.email ?? '', email_verified: row.email_confirmed_at !== null },
      provider,
      created_at: toApiTime(row.created_at),
      updated_at: toApiTime(row.updated_at),
      ...(row.email && { email: row.email }),
    },
  ]
}
