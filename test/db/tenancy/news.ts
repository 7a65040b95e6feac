import type { Sql } from 'postgres'
import { uuidv7 } from 'uuidv7'
import { type AppliedChange, applyChanges } from '../../../db/apply.ts'
import { inTransaction } from '../../../db/transaction.ts'
import {
  type Change,
  type MembershipChange,
  type OrganizationChange,
  type PersonFields,
  toMembershipName,
  type UserChange,
} from '../../../domain/change.ts'
import { type Grant, toGrant } from '../../../domain/grant.ts'
import { defaultOwnership } from '../../../domain/ownership.ts'

const upstream = 'clerk'

export const ada = 'ada@example.com'
export const member: Grant = { roles: ['org:member'], role: 'member', isMapped: true }
export const admin: Grant = { roles: ['org:admin'], role: 'admin', isMapped: true }

interface Told {
  created?: boolean
  event?: string
}

type Gone = 'deleted' | 'vanished'

function stampOf(at: number, { event = `evt_${at}` }: Told = {}) {
  return { at, event }
}

/** Tells all of it in one transaction. */
export function tell(sql: Sql, ...changes: Change[]): Promise<AppliedChange[]> {
  return inTransaction(sql, (tx) =>
    applyChanges(tx, changes, { ownership: defaultOwnership, createId: uuidv7 }),
  )
}

/** Somebody's account. */
export function user(
  externalId: string,
  at: number,
  fields: Partial<PersonFields> = {},
  told: Told = {},
): UserChange {
  const created = told.created ?? false
  const stamp = stampOf(at, told)
  return { type: 'user.upserted', upstream, externalId, stamp, created, fields, isAccount: true }
}

export function userGone(externalId: string, at: number, how: Gone = 'deleted', told: Told = {}): UserChange {
  return { type: `user.${how}`, upstream, externalId, stamp: stampOf(at, told) }
}

export function organization(
  externalId: string,
  at: number,
  name?: string,
  told: Told = {},
): OrganizationChange {
  const fields = name === undefined ? {} : { name }
  const created = told.created ?? false
  return { type: 'organization.upserted', upstream, externalId, stamp: stampOf(at, told), created, fields }
}

export function organizationGone(externalId: string, at: number, told: Told = {}): OrganizationChange {
  return { type: 'organization.deleted', upstream, externalId, stamp: stampOf(at, told) }
}

export function membership(
  organization: string,
  user: string,
  at: number,
  grant?: Grant,
  told: Told = {},
): MembershipChange {
  const fields = grant === undefined ? {} : { grant }
  const [name, created] = [toMembershipName(upstream, organization, user), told.created ?? false]
  return { type: 'membership.upserted', ...name, stamp: stampOf(at, told), created, fields }
}

export function membershipGone(
  organization: string,
  user: string,
  at: number,
  how: Gone = 'deleted',
  told: Told = {},
): MembershipChange {
  const name = toMembershipName(upstream, organization, user)
  return { type: `membership.${how}`, ...name, stamp: stampOf(at, told) }
}

/** What a token says when somebody signs in. */
export function token(organization: string, userId: string, at: number, email: string): Change[] {
  const told = { event: `token ${new Date(at).toISOString()}` }
  const grant = toGrant(['org:admin'], {}, { 'org:admin': 'admin' })
  return [user(userId, at, { email }, told), membership(organization, userId, at, grant, told)]
}
