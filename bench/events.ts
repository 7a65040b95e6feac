import { createHmac, randomUUID } from 'node:crypto'

/** What both sides verify with. */
export const eventSecret = 'a secret for signing measured events'

/** Of three events one creates a person, and two change people who were created so many people ago. */
const ages = [0, 100, 500]
const firstMoment = Date.now() - 86_400_000

/** A new event as its sender would post it, signed; `index` goes up by one from event to event. */
export function createEvent(index: number): { headers: Record<string, string>; body: string } {
  const kind = index % ages.length
  const number = 1000 + Math.floor(index / ages.length) - (ages[kind] ?? 0)
  const body = JSON.stringify({
    eventId: `evt_${randomUUID()}`,
    eventType: kind === 0 ? 'user.created' : 'user.updated',
    occurredAt: new Date(firstMoment + index).toISOString(),
    user: {
      id: `recEvent${String(number).padStart(9, '0')}`,
      email: `Person.${number}@events.example.com`,
      name: `Person ${number} as of ${kind}`,
      status: 'active',
      role: kind === 2 ? 'viewer' : 'member',
    },
  })
  const signature = createHmac('sha256', eventSecret).update(body).digest('hex')
  return { headers: { 'content-type': 'application/json', 'x-signature': signature }, body }
}
