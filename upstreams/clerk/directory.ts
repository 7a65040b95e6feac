import type { Change } from '../../domain/change.ts'
import { type CallRequest, type Calls, Refusal } from '../calls.ts'
import type { Directory, UpstreamContext } from '../upstream.ts'
import type { ClerkEnv } from './env.ts'
import { isAskable } from './ids.ts'
import { toMembershipChange, toOrganizationChange, toReading, toUserChange } from './mapping.ts'
import type { ClerkMembership } from './records.ts'
import { membershipsAt, membershipsOf, organizationsAt, pageSize, usersAt, usersBy } from './requests.ts'

const phases = ['users', 'organizations', 'memberships'] as const
type Phase = (typeof phases)[number]

/** Everybody, then every organization, then who is in which. */
export function createDirectory({ call }: Calls, env: ClerkEnv, { clock, log }: UpstreamContext): Directory {
  /** Undefined where Clerk says that there is nothing to list. */
  async function list<Answer>(request: CallRequest<Answer>): Promise<Answer | undefined> {
    try {
      return await call(request)
    } catch (error) {
      if (error instanceof Refusal) return undefined
      throw error
    }
  }

  async function readAt(phase: Phase, offset: number): Promise<{ changes: Change[]; size: number }> {
    const telling = toReading(clock())
    if (phase === 'users') {
      const users = await call(usersAt(offset))
      return { changes: users.map((user) => toUserChange(user, telling)), size: users.length }
    }
    if (phase === 'organizations') {
      const { data = [] } = (await list(organizationsAt(offset))) ?? {}
      return { changes: data.map((each) => toOrganizationChange(each, telling)), size: data.length }
    }
    const { data = [] } = (await list(membershipsAt(offset))) ?? {}
    return { changes: data.flatMap((each) => toListed(each, telling.readAt) ?? []), size: data.length }
  }

  function toListed(membership: ClerkMembership, at: number): Change | undefined {
    const { public_user_data: member, organization } = membership
    if (!member) {
      log('warn', 'membership.unnamed', { organization: organization.id })
      return undefined
    }
    return toMembershipChange(membership, member, env.CLERK_ROLE_MAP, { ...toReading(at), created: true })
  }

  async function findUsers(ids: string[]): Promise<string[]> {
    const found: string[] = []
    for (const request of usersBy('user_id', ids.filter(isAskable)))
      found.push(...(await call(request)).map(({ id }) => id))
    return found
  }

  /** Their ids are made of two: `<organization> <user>`. */
  async function findMemberships(names: string[]): Promise<string[]> {
    const found: string[] = []
    for (const [organization, users] of groupByOrganization(names)) {
      for (const request of membershipsOf(organization, users)) {
        const { data = [] } = (await list(request)) ?? {}
        found.push(...data.map((one) => `${one.organization.id} ${one.public_user_data?.user_id}`))
      }
    }
    return found
  }

  return {
    kinds: ['user', 'membership'],
    async readPage(from) {
      const place = toPlace(from)
      if (!place) return 'expired'
      const { phase, offset } = place
      const { changes, size } = await readAt(phase, offset)
      const following = phases[phases.indexOf(phase) + 1]
      const isLast = size < pageSize
      const next = isLast ? following && `${following}:0` : `${phase}:${offset + pageSize}`
      return { changes, size: phase === 'users' ? size : 0, next }
    },
    async findExisting(kind, externalIds) {
      const asked = new Set(externalIds)
      const found = await (kind === 'user' ? findUsers(externalIds) : findMemberships(externalIds))
      return found.filter((id) => asked.has(id))
    },
  }
}

/** Where a page begins, such as `organizations:100`; undefined for what is no such place. */
function toPlace(from = 'users:0'): { phase: Phase; offset: number } | undefined {
  const [name, digits = ''] = from.split(':')
  const phase = phases.find((one) => one === name)
  return phase && /^\d{1,12}$/.test(digits) ? { phase, offset: Number(digits) } : undefined
}

function groupByOrganization(names: readonly string[]): Map<string, string[]> {
  const groups = new Map<string, string[]>()
  for (const name of names) {
    const [organization = '', user = ''] = name.split(' ')
    if (!isAskable(organization) || !isAskable(user)) continue
    groups.set(organization, [...(groups.get(organization) ?? []), user])
  }
  return groups
}
