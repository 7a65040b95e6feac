import { FirstloginError } from '../../errors.ts'
import type { WebhookEvent } from '../../upstreams/upstream.ts'

/** How far an event may be ahead of our clock. */
const maxLeadMs = 300_000

/**
 * The event, or its refusal if it is dated further ahead than clocks differ: until that time nothing would override it.
 * `now` is in milliseconds since 1970.
 */
export function refuseAhead(event: WebhookEvent, now: number): WebhookEvent {
  if (event.refusal || event.changes.length === 0) return event
  const times = [event.occurredAt, ...event.changes.map(({ stamp }) => stamp.at)]
  // Written so that a time that is no number is refused.
  if (times.every((at) => at <= now + maxLeadMs)) return event
  return { ...event, changes: [], refusal: new FirstloginError('FL_EVENT_AHEAD') }
}
