import { randomBytes } from 'node:crypto'
import type { Base } from '../base.ts'
import { notFound, typedError } from '../errors.ts'
import { createId } from '../ids.ts'
import type { Action, Stamp } from '../journal.ts'
import type { Knobs } from '../options.ts'
import { type Hook, type HookView, isActive, isGone, type News, viewHook, weekMs } from './hook.ts'
import { newsOf } from './news.ts'
import { listPayloads, type PayloadPage } from './payload-page.ts'
import type { Pinger } from './pinger.ts'
import { namedFields, readOrder } from './specification.ts'

const maxWebhooks = 10

export type Registry = {
  create(body: unknown): { id: string; macSecretBase64: string; expirationTime: string }
  list(): HookView[]
  /** Throws what Airtable answers to an unknown id. */
  get(id: string): Hook
  all(): Hook[]
  remove(id: string): void
  setNotifications(id: string, enabled: boolean): void
  refresh(id: string): { expirationTime: string }
  payloads(id: string, query: URLSearchParams): PayloadPage
  expire(id: string): void
  /** Turns the webhooks that need the column into invalid ones. */
  invalidate(fieldId: string): void
}

export type RegistryParts = { base: Base; knobs: Knobs; clock: () => number; pinger: Pinger }

/** The webhooks of the base: told of every action, each keeps the news that is for it. */
export function createRegistry({ base, knobs, clock, pinger }: RegistryParts): Registry {
  const hooks = new Map<string, Hook>()
  base.journal.subscribe(spread)

  function living(): Hook[] {
    for (const hook of hooks.values()) if (isGone(hook, clock())) forget(hook)
    return [...hooks.values()]
  }

  function forget(hook: Hook): void {
    hooks.delete(hook.id)
    pinger.forget(hook)
  }

  function get(id: string): Hook {
    const hook = living().find((known) => known.id === id)
    if (!hook) throw notFound()
    return hook
  }

  function spread(action: Action): void {
    for (const hook of living().filter((known) => isActive(known, clock()))) {
      for (const news of newsOf(action, hook.specification, knobs.recordsPerPayload)) keep(hook, action, news)
    }
  }

  function keep(hook: Hook, { source, at, transaction }: Stamp, news: News): void {
    hook.payloads.push({ number: hook.nextPayload, source, at, transaction, news })
    hook.nextPayload += 1
    pinger.announce(hook)
  }

  function extend(hook: Hook): string {
    hook.expiresAt = clock() + weekMs
    return new Date(hook.expiresAt).toISOString()
  }

  return {
    create(body) {
      const { notificationUrl, specification } = readOrder(body, base)
      if (living().length >= maxWebhooks) throw tooMany()
      const hook: Hook = {
        id: createId('ach'),
        macSecret: randomBytes(64),
        notificationUrl,
        specification,
        expiresAt: 0,
        isValid: true,
        notifies: notificationUrl !== undefined,
        payloads: [],
        nextPayload: 1,
        lastResult: null,
        lastSuccessAt: undefined,
      }
      hooks.set(hook.id, hook)
      if (knobs.pingOnCreate) pinger.announce(hook)
      return {
        id: hook.id,
        macSecretBase64: hook.macSecret.toString('base64'),
        expirationTime: extend(hook),
      }
    },
    list: () => living().map((hook) => viewHook(hook, clock())),
    get,
    all: living,
    remove: (id) => forget(get(id)),
    setNotifications(id, enabled) {
      const hook = get(id)
      if (enabled && !hook.notificationUrl) throw nobodyToNotify()
      hook.notifies = enabled
    },
    refresh(id) {
      const hook = get(id)
      if (!isActive(hook, clock())) throw notActive()
      return { expirationTime: extend(hook) }
    },
    payloads(id, query) {
      const hook = get(id)
      const page = listPayloads(hook, query, clock())
      if (isActive(hook, clock())) extend(hook)
      return page
    },
    expire(id) {
      const hook = get(id)
      hook.expiresAt = Math.min(hook.expiresAt, clock())
    },
    invalidate(fieldId) {
      const stamp = base.journal.stamp('client')
      for (const hook of living()) {
        if (!isActive(hook, clock()) || !namedFields(hook.specification).includes(fieldId)) continue
        hook.isValid = false
        keep(hook, stamp, { error: true, code: 'INVALID_HOOK' })
      }
    },
  }
}

const tooMany = () =>
  typedError(
    422,
    'TOO_MANY_WEBHOOKS_IN_BASE',
    'Cannot create webhook: the base has the maximum number of them',
  )

// What Airtable answers to these two is documented nowhere.
const notActive = () =>
  typedError(422, 'CANNOT_REFRESH_INACTIVE_WEBHOOK', 'Only an active webhook can be refreshed')
const nobodyToNotify = () =>
  typedError(422, 'CANNOT_ENABLE_NOTIFICATIONS', 'The webhook has no notification URL')
