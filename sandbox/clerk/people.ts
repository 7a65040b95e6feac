import { emailAddress, phoneNumber, verification } from './blanks.ts'
import type { MembershipEdit, OrganizationEdit, UserEdit } from './store.ts'

export interface Seed {
  users: readonly UserEdit[]
  organizations: readonly OrganizationEdit[]
  memberships: readonly MembershipEdit[]
}

const created_at = Date.parse('2026-01-05T09:00:00.000Z')
const updated_at = Date.parse('2026-06-01T12:00:00.000Z')
const times = { created_at, updated_at }

const alan = emailAddress('alan@example.com', { verification: verification('unverified'), ...times })
const phone = phoneNumber('+15555550100')

const organization = 'org_2AnalyticalEngines00000000'
export const ada = 'user_2AdaLovelace0000000000000'
export const grace = 'user_2GraceHopper0000000000000'

/** The people of the sandbox, as Clerk would have them. */
export const people: Seed = {
  users: [
    {
      id: ada,
      email: 'ada@example.com',
      first_name: 'Ada',
      last_name: 'Lovelace',
      ...times,
    },
    {
      id: grace,
      email: 'grace@example.com',
      first_name: 'Grace',
      last_name: 'Hopper',
      created_at: created_at + 1000,
      updated_at,
    },
    {
      id: 'user_2AlanTuring00000000000000',
      first_name: 'Alan',
      last_name: null,
      email_addresses: [alan],
      primary_email_address_id: alan.id,
      created_at: created_at + 2000,
      updated_at,
    },
    {
      id: 'user_2RadiaPerlman000000000000',
      first_name: 'Radia',
      last_name: 'Perlman',
      phone_numbers: [phone],
      primary_phone_number_id: phone.id,
      created_at: created_at + 3000,
      updated_at,
    },
  ],
  organizations: [
    { id: organization, name: 'Analytical Engines', slug: 'analytical-engines', created_by: ada, ...times },
  ],
  memberships: [
    { organization, user: ada, role: 'org:admin', ...times },
    { organization, user: grace, role: 'org:member', ...times },
  ],
}
