import type { World } from './world.ts'

const createdAt = '2026-01-05T09:00:00.000Z'
const updatedAt = '2026-06-01T12:00:00.000Z'

/** The ids of those whom the sandbox begins with. */
export const seeded = {
  acme: '2db8957d-9c97-4b6a-b79d-cfe0e6b940fe',
  globex: '7f3c1b52-0c0e-4f0d-8a2b-6f4a1d9e2c77',
  ada: 'c3e13448-7d09-477d-8797-e9e00dc0ccc8',
  grace: '5a0f6a5e-2f0a-4a53-9a39-0a5f3c1e7b21',
  alan: '9b1d4c3e-6a77-4c8e-8f55-2d0b8f6a4e10',
  katherine: 'e2c8a7d4-1b36-4f2a-b0c9-7d5e3f1a6b42',
} as const

/** An Admin, a Member, a ReadOnly whose address nobody has verified, and somebody in two tenants. */
export function seed({ users, tenants, roles, memberships }: World): void {
  const { acme, globex, ada, grace, alan, katherine } = seeded
  tenants.put({ tenantId: acme, name: 'Acme Inc.', createdAt, updatedAt })
  tenants.put({ tenantId: globex, name: 'Globex', createdAt, updatedAt })
  const admin = '0d8f6f0e-55f1-4a3e-9f0c-6a1f2b3c4d5e'
  const member = '1e9a7a1f-66a2-4b4f-8a1d-7b2a3c4d5e6f'
  const readOnly = '2fab8b20-77b3-4c50-9b2e-8c3b4d5e6f70'
  roles.put({ id: admin, key: 'Admin', name: 'Admin', level: 0, firstUserRole: true })
  roles.put({ id: member, key: 'Member', name: 'Member', level: 1, isDefault: true })
  roles.put({ id: readOnly, key: 'ReadOnly', name: 'Read Only', level: 2 })

  const profilePictureUrl = 'https://www.gravatar.com/avatar/ada'
  users.put({ id: ada, email: 'ada@example.com', name: 'Ada Lovelace', profilePictureUrl, createdAt })
  users.put({ id: grace, email: 'Grace@Example.com', name: 'Grace Hopper', createdAt })
  users.put({ id: alan, email: 'alan@example.com', name: null, verified: false, createdAt })
  users.put({ id: katherine, email: 'katherine@example.com', name: 'Katherine Johnson', createdAt })
  memberships.put({ userId: ada, tenantId: acme, roles: ['Admin'] })
  memberships.put({ userId: grace, tenantId: acme, roles: ['Member'] })
  memberships.put({ userId: alan, tenantId: acme, roles: ['ReadOnly'] })
  memberships.put({ userId: katherine, tenantId: acme, roles: ['Member'] })
  memberships.put({ userId: katherine, tenantId: globex, roles: ['Admin', 'ReadOnly'] })
}
