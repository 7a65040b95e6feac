import { createHash } from 'node:crypto'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { TenantId } from './answers.ts'
import { isUserId } from './users.ts'

/** What a body may be about. Nothing proves that it is so. */
export interface Hint {
  eventKey: string
  userId: string | undefined
  tenantId: string | undefined
}

const tenantId = Compile(TenantId)
const anyObject = Compile(Type.Record(Type.String(), Type.Unknown()))
const deepest = 16
const plainKey = /^[\w.-]{1,100}$/

/** An environment may send what it likes: the ids are looked for in the usual places, also one level down. */
export function readHint(body: object): Hint {
  const outer = toRecord(body)
  const levels = [outer, ...['data', 'payload', 'event'].map((name) => toRecord(outer[name]))]
  return {
    eventKey: toEventKey(outer['eventKey'] ?? outer['event'] ?? outer['type']),
    userId: levels.flatMap(usersIn).find(isUserId),
    tenantId: levels.flatMap(tenantsIn).find((id): id is string => tenantId.Check(id)),
  }
}

/** It is logged and kept although nobody vouches for it. */
function toEventKey(told: unknown): string {
  return typeof told === 'string' && plainKey.test(told) ? told : 'unknown'
}

function usersIn(level: Record<string, unknown>): unknown[] {
  const [user, context] = [toRecord(level['user']), toRecord(level['eventContext'])]
  return [user['id'], user['userId'], user['sub'], context['userId'], level['userId'], level['user_id']]
}

/** Where it happened comes before where the user is at home. */
function tenantsIn(level: Record<string, unknown>): unknown[] {
  const [user, tenant] = [toRecord(level['user']), toRecord(level['tenant'])]
  const context = toRecord(level['eventContext'])
  return [context['tenantId'], level['tenantId'], level['tenant_id'], tenant['tenantId'], user['tenantId']]
}

/** A name for an event that has none: the same for the same body under the same proof. */
export function nameOf(hint: Hint, body: object, proof: string | undefined): string {
  const { eventKey, userId, tenantId: tenant } = hint
  const told = JSON.stringify([proof, eventKey, userId, tenant, toCanonical(body)])
  return `frontegg-${createHash('sha256').update(told).digest('hex')}`
}

/** With keys in order; what lies very deep counts as nothing. */
function toCanonical(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (depth === deepest) return null
  if (Array.isArray(value)) return value.map((item) => toCanonical(item, depth + 1))
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return entries.map(([key, item]) => [key, toCanonical(item, depth + 1)])
}

function toRecord(value: unknown): Record<string, unknown> {
  return anyObject.Check(value) ? value : {}
}
