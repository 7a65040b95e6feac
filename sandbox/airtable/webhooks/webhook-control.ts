import type { Base } from '../base.ts'
import type { HookView } from './hook.ts'
import type { Delivery, Pinger } from './pinger.ts'
import type { Registry } from './registry.ts'

/** Everything that takes an id throws if there is no such webhook. */
export type WebhookControl = {
  /** As Airtable lists them. */
  list(): HookView[]
  /** As if so much time had gone by since all that has happened to them: they and their payloads grow older. */
  age(ms: number): void
  expire(id: string): void
  /** As if somebody else, or Airtable, had deleted it. */
  drop(id: string): void
  /** Turns the webhook off, without a word in its payloads. */
  disable(id: string): void
  /** As after too many failed pings: payloads go on. */
  mute(id: string): void
  /** Deletes a column, by id or name, from its table; what watches it becomes an invalid hook. False: there is none. */
  removeField(nameOrId: string): boolean
  /** Pings at once and for no reason, muted or not. */
  ping(id: string): void
  /** Every attempt so far, the oldest first. */
  deliveries(): Delivery[]
  /** When nothing is gathered or on its way; pings that wait for another attempt do not count. */
  settled(): Promise<void>
}

export function createWebhookControl(base: Base, registry: Registry, pinger: Pinger): WebhookControl {
  return {
    list: registry.list,
    age(ms) {
      for (const hook of registry.all()) {
        hook.expiresAt -= ms
        if (hook.lastSuccessAt !== undefined) hook.lastSuccessAt -= ms
        for (const payload of hook.payloads) payload.at -= ms
      }
    },
    expire: registry.expire,
    drop: registry.remove,
    disable(id) {
      registry.get(id).isValid = false
    },
    mute(id) {
      registry.get(id).notifies = false
    },
    removeField(nameOrId) {
      for (const table of base.tables) {
        const field = table.findField(nameOrId)
        if (!field) continue
        table.removeField(field.id)
        registry.invalidate(field.id)
        return true
      }
      return false
    },
    ping: (id) => pinger.ping(registry.get(id)),
    deliveries: pinger.deliveries,
    settled: pinger.settled,
  }
}
