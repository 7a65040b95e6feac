import type { Row } from './row.ts'

const at = '2026-02-03T08:15:30.123456+00:00'

const withPassword = {
  encrypted_password: '$2a$10$KnmuTj6vFVdZcMW2yVZ7pOQYx0oYJxE3PmU3cQp7fVwzqGhbW1rXe',
  email_confirmed_at: at,
  role: 'authenticated',
  created_at: at,
  updated_at: at,
}

/** The users of the sandbox's project. Ada and Grace are in its Airtable, too. */
export const people: readonly (Partial<Row> & { id: string })[] = [
  {
    id: '0a5f0c5e-6f0e-4b0c-9d3b-0f5d9a1c0001',
    email: 'ada@example.com',
    ...withPassword,
    raw_app_meta_data: { provider: 'email', providers: ['email'], role: 'admin' },
    raw_user_meta_data: { full_name: 'Ada Lovelace', email_verified: true },
  },
  {
    id: '0a5f0c5e-6f0e-4b0c-9d3b-0f5d9a1c0002',
    email: 'grace@example.com',
    ...withPassword,
    created_at: '2026-02-03T08:15:30.5+00:00',
    raw_app_meta_data: { provider: 'github', providers: ['github'] },
    raw_user_meta_data: { name: 'Grace Hopper', avatar_url: 'https://example.com/grace.png' },
  },
  {
    id: '0a5f0c5e-6f0e-4b0c-9d3b-0f5d9a1c0003',
    email: 'katherine@example.com',
    ...withPassword,
    email_confirmed_at: null,
    created_at: '2026-02-04T10:00:00+00:00',
    raw_app_meta_data: { provider: 'email', providers: ['email'] },
    raw_user_meta_data: { first_name: 'Katherine', last_name: 'Johnson' },
  },
]
