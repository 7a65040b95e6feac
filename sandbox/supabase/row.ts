export type Metadata = Record<string, unknown>

/** A row of auth.users, as `to_jsonb` writes it: times are texts with up to six digits of a second. */
export interface Row {
  instance_id: string
  id: string
  aud: string
  role: string
  email: string | null
  encrypted_password: string | null
  email_confirmed_at: string | null
  invited_at: string | null
  confirmation_token: string
  confirmation_sent_at: string | null
  recovery_token: string
  recovery_sent_at: string | null
  email_change_token_new: string
  email_change: string
  email_change_sent_at: string | null
  last_sign_in_at: string | null
  raw_app_meta_data: Metadata
  raw_user_meta_data: Metadata
  is_super_admin: boolean | null
  created_at: string
  updated_at: string
  phone: string | null
  phone_confirmed_at: string | null
  phone_change: string
  phone_change_token: string
  phone_change_sent_at: string | null
  /** Generated: the earlier of both confirmations. */
  confirmed_at: string | null
  email_change_token_current: string
  email_change_confirm_status: number
  banned_until: string | null
  reauthentication_token: string
  reauthentication_sent_at: string | null
  is_sso_user: boolean
  deleted_at: string | null
  is_anonymous: boolean
}

const nil = '00000000-0000-0000-0000-000000000000'

export function createRow(id: string, at: string, known: Partial<Row>): Row {
  const row: Row = {
    instance_id: nil,
    id,
    aud: 'authenticated',
    role: '',
    email: null,
    encrypted_password: '',
    email_confirmed_at: null,
    invited_at: null,
    confirmation_token: '',
    confirmation_sent_at: null,
    recovery_token: '',
    recovery_sent_at: null,
    email_change_token_new: '',
    email_change: '',
    email_change_sent_at: null,
    last_sign_in_at: null,
    raw_app_meta_data: {},
    raw_user_meta_data: {},
    is_super_admin: null,
    created_at: at,
    updated_at: at,
    phone: null,
    phone_confirmed_at: null,
    phone_change: '',
    phone_change_token: '',
    phone_change_sent_at: null,
    confirmed_at: null,
    email_change_token_current: '',
    email_change_confirm_status: 0,
    banned_until: null,
    reauthentication_token: '',
    reauthentication_sent_at: null,
    is_sso_user: false,
    deleted_at: null,
    is_anonymous: false,
    ...known,
  }
  return { ...row, confirmed_at: confirmedAt(row) }
}

export function confirmedAt({ email_confirmed_at, phone_confirmed_at }: Row): string | null {
  const times = [email_confirmed_at, phone_confirmed_at].filter((time) => time !== null)
  return times.sort()[0] ?? null
}

/** Microseconds since 1970 as Postgres writes a time in JSON: zeros at the end of the fraction are left out. */
export function toRowTime(micros: number): string {
  const whole = new Date(Math.floor(micros / 1000)).toISOString().slice(0, 19)
  const fraction = String(micros % 1_000_000)
    .padStart(6, '0')
    .replace(/0+$/, '')
  return `${whole}${fraction && `.${fraction}`}+00:00`
}
