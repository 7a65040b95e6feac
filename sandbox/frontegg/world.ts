import { randomUUID } from 'node:crypto'

export interface StandInUser {
  id: string
  email: string
  name: string | null
  verified: boolean | null
  profilePictureUrl: string | null
  isLocked: boolean
  createdAt: string
  lastLogin: string | null
}

export interface StandInTenant {
  tenantId: string
  name: string
  createdAt: string
  updatedAt: string
}

export interface StandInRole {
  id: string
  key: string
  name: string
  level: number
  isDefault: boolean
  firstUserRole: boolean
  /** Of one tenant alone; null for those of the whole environment. */
  tenantId: string | null
}

export interface StandInMembership {
  userId: string
  tenantId: string
  roleIds: string[]
  isDisabled: boolean
}

/** What an environment holds, edited as by somebody at Frontegg's portal. */
export interface World {
  users: Collection<StandInUser>
  tenants: Collection<StandInTenant>
  roles: Collection<StandInRole>
  memberships: {
    /** Roles by their keys; again for the same two it replaces them. */
    put(membership: {
      userId: string
      tenantId: string
      roles?: readonly string[]
      isDisabled?: boolean
    }): StandInMembership
    remove(userId: string, tenantId: string): void
    of(userId: string): StandInMembership[]
    list(): StandInMembership[]
  }
  /** Also those who were removed: their last event still speaks of them. */
  remembered(userId: string): StandInUser | undefined
}

export interface Collection<T> {
  /** Adds one, or changes what is named of the one with this id. */
  put(values: Partial<T>): T
  remove(id: string): void
  get(id: string): T | undefined
  list(): T[]
}

export function createWorld(clock: () => number): World {
  const now = () => new Date(clock()).toISOString()
  let memberships: StandInMembership[] = []
  const ghosts = new Map<string, StandInUser>()

  const users = createCollection<StandInUser>('id', (id) => ({
    id,
    email: `${id}@example.com`,
    name: null,
    verified: true,
    profilePictureUrl: null,
    isLocked: false,
    createdAt: now(),
    lastLogin: null,
  }))
  const tenants = createCollection<StandInTenant>('tenantId', (tenantId) => {
    return { tenantId, name: tenantId, createdAt: now(), updatedAt: now() }
  })
  const roles = createCollection<StandInRole>('id', (id) => {
    return { id, key: id, name: id, level: 0, isDefault: false, firstUserRole: false, tenantId: null }
  })

  return {
    users: {
      ...users,
      remove(id) {
        const user = users.get(id)
        if (user) ghosts.set(id, user)
        users.remove(id)
        memberships = memberships.filter(({ userId }) => userId !== id)
      },
    },
    tenants: {
      ...tenants,
      put: (values) => tenants.put({ updatedAt: now(), ...values }),
      remove(id) {
        tenants.remove(id)
        memberships = memberships.filter(({ tenantId }) => tenantId !== id)
      },
    },
    roles,
    memberships: {
      put({ userId, tenantId, roles: keys = [], isDisabled = false }) {
        const roleIds = keys.map((key) => {
          const role = roles.list().find((known) => known.key === key)
          if (!role) throw new Error(`There is no role ${key}.`)
          return role.id
        })
        const membership = { userId, tenantId, roleIds, isDisabled }
        const at = memberships.findIndex((one) => one.userId === userId && one.tenantId === tenantId)
        memberships = at < 0 ? [...memberships, membership] : memberships.with(at, membership)
        return membership
      },
      remove(userId, tenantId) {
        memberships = memberships.filter((one) => one.userId !== userId || one.tenantId !== tenantId)
      },
      of: (id) => memberships.filter(({ userId }) => userId === id),
      list: () => memberships,
    },
    remembered: (id) => users.get(id) ?? ghosts.get(id),
  }
}

function createCollection<T extends object>(key: keyof T, blank: (id: string) => T): Collection<T> {
  const items = new Map<string, T>()
  return {
    put(values) {
      const id = String(values[key] ?? randomUUID())
      const item = { ...(items.get(id) ?? blank(id)), ...values }
      items.set(id, item)
      return item
    },
    remove: (id) => void items.delete(id),
    get: (id) => items.get(id),
    list: () => [...items.values()],
  }
}
