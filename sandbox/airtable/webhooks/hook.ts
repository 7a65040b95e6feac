import type { ActionSource } from '../journal.ts'
import type { Specification } from './specification.ts'

export const dayMs = 86_400_000

/** How long a webhook lives, how long it can be read after that, and how long a payload can. */
export const weekMs = 7 * dayMs

export type NotificationResult = {
  success: boolean
  completionTimestamp: string
  durationMs: number
  retryNumber: number
  willBeRetried?: boolean
  error?: { message: string }
}

/** A payload without what all payloads have. */
export type News = { changedTablesById: Record<string, unknown> } | { error: true; code: 'INVALID_HOOK' }

export type KeptPayload = {
  readonly number: number
  readonly transaction: number
  readonly source: ActionSource
  readonly news: News
  at: number
}

export type Hook = {
  readonly id: string
  readonly macSecret: Buffer
  readonly notificationUrl: URL | undefined
  readonly specification: Specification
  expiresAt: number
  /** Until its specification becomes invalid; nothing heals it. */
  isValid: boolean
  notifies: boolean
  payloads: KeptPayload[]
  nextPayload: number
  lastResult: NotificationResult | null
  lastSuccessAt: number | undefined
}

export type HookView = ReturnType<typeof viewHook>

export function isActive(hook: Hook, now: number): boolean {
  return hook.isValid && now < hook.expiresAt
}

/** Metadata and payloads of an expired webhook can be read for another week. */
export function isGone(hook: Hook, now: number): boolean {
  return now >= hook.expiresAt + weekMs
}

export function viewHook(hook: Hook, now: number) {
  const isoTime = (at: number) => new Date(at).toISOString()
  return {
    id: hook.id,
    specification: hook.specification,
    notificationUrl: hook.notificationUrl?.href ?? null,
    cursorForNextPayload: hook.nextPayload,
    lastNotificationResult: hook.lastResult,
    areNotificationsEnabled: hook.notifies,
    lastSuccessfulNotificationTime: hook.lastSuccessAt === undefined ? null : isoTime(hook.lastSuccessAt),
    isHookEnabled: isActive(hook, now),
    expirationTime: isoTime(hook.expiresAt),
  }
}
