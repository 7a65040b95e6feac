import type { Change } from '../../domain/change.ts'
import type { Delivery, WebhookEvent } from '../upstream.ts'
import { codeOf, demand, demandSame, show } from './check.ts'
import { isKeepable } from './discretion.ts'
import { given, type ProbeOptions, probe } from './probe.ts'
import type { Subject, WebhookSample } from './subject.ts'
import { demandWellFormed } from './well-formed.ts'

/** All the ways to hand something to the webhook of a new adapter. */
export function createDesk(subject: Subject) {
  const about = given(subject.webhook, 'a `webhook` with samples.')
  const now = () => subject.clock?.() ?? Date.now()

  async function read(body: unknown, delivery: Delivery, options: ProbeOptions = {}) {
    const made = probe(subject, 'webhook', options)
    return { ...made, event: await made.it.read(body, delivery) }
  }
  function verify({ body, headers }: WebhookSample): Delivery {
    return probe(subject, 'webhook').it.verify(Buffer.from(body), headers)
  }
  const receive = (sample: WebhookSample, options: ProbeOptions = {}) =>
    read(JSON.parse(sample.body), verify(sample), options)
  /** Out of the database again. */
  const readKept = ({ payload, id }: WebhookEvent, options: ProbeOptions = {}) =>
    read(JSON.parse(JSON.stringify(payload)), { dialect: 'kept', messageId: id }, options)

  return { about, now, read, verify, receive, readKept }
}

export function toWords({ type, externalId }: Change): string {
  return `${type} ${externalId}`
}

/** The hash of a password is kept nowhere. */
export function withoutHash(change: Change): Change {
  if (change.type !== 'user.upserted') return change
  const { passwordHash: _, ...fields } = change.fields
  return { ...change, fields }
}

export function demandEvent(event: WebhookEvent, upstream: string): void {
  const { id, type, occurredAt, changes, payload, refusal } = event
  for (const [what, text] of Object.entries({ id, type }))
    demand(typeof text === 'string' && text !== '' && isKeepable(text), `${show(text)} is no ${what}.`)
  demand(Number.isFinite(occurredAt) && occurredAt >= 0, `${show(occurredAt)} is no moment.`)
  demandWellFormed(changes, upstream)
  if (refusal !== undefined) {
    demand(codeOf(refusal)?.startsWith('FL_'), 'A refusal is an error of the catalogue.')
    demandSame(changes, [], 'An event that is refused changes nothing.')
  }
  demand(typeof payload === 'object' && payload !== null, 'The payload is an object.')
  const text = JSON.stringify(payload)
  demandSame(JSON.stringify(JSON.parse(text)), text, 'The payload is not JSON.')
  demand(
    isKeepable(JSON.parse(text)),
    'Postgres cannot keep the payload: a NUL, or half of a surrogate pair.',
  )
}
