import { type Check, codeOf, demand, demandSame, show } from './check.ts'
import { createDesk, demandEvent, toWords, withoutHash } from './desk.ts'
import { demandNobody, demandNoHash, demandNoSecret, isKeepable } from './discretion.ts'
import { brokenConnection, withFault } from './faults.ts'
import { oddEventChecks } from './odd-events.ts'
import { probe } from './probe.ts'
import { proofChecks } from './proof.ts'
import type { Subject } from './subject.ts'

const largestPayload = 16_384
const hourMs = 3_600_000

export function webhookChecks(subject: Subject): Check[] {
  const { name } = subject.definition
  const { about, now, read, verify, receive, readKept } = createDesk(subject)
  const { samples, forged, isHint = false } = about

  return [
    ...proofChecks(subject, {
      samples,
      forged,
      headers: about.proof,
      isBodyUnproved: about.isBodyUnproved ?? false,
      verify: (bytes, headers) => probe(subject, 'webhook').it.verify(bytes, headers),
      findHeaderCheck: () => probe(subject, 'webhook').it.verifyHeaders,
    }),
    {
      name: 'the proof has a name, and that of a message is a text',
      async run() {
        for (const sample of samples) {
          const { dialect, messageId = 'none' } = verify(sample)
          demand(/^[a-z][a-z0-9-]*$/.test(dialect), `${show(dialect)} is no name of a proof.`)
          demand(messageId !== '' && isKeepable(messageId), `${show(messageId)} is no name of a message.`)
        }
      },
    },
    {
      name: 'to verify is to compute: nobody is called',
      async run() {
        const { it, calls, turns } = probe(subject, 'webhook')
        for (const { body, headers } of samples) it.verify(Buffer.from(body), headers)
        demandSame([calls.length, turns.length], [0, 0], 'Calls and turns:')
      },
    },
    {
      name: 'every sample passes the first check of its body',
      async run() {
        const { body: schema } = probe(subject, 'webhook').it
        for (const { body, name: about } of samples) {
          const told: unknown = JSON.parse(body)
          const missing = (schema.required ?? []).filter(
            (key) => typeof told !== 'object' || told === null || !Object.hasOwn(told, key),
          )
          demandSame(missing, [], `${about} lacks:`)
        }
      },
    },
    {
      name: 'every sample is understood',
      async run() {
        for (const sample of samples) {
          const { event } = await receive(sample)
          demandSame(event.changes.map(toWords), [...sample.tells], `${sample.name} tells:`)
          demandSame(codeOf(event.refusal), sample.refusal, `${sample.name} is refused with:`)
        }
      },
    },
    {
      name: 'every event is well-formed, and its payload small and plain JSON',
      async run() {
        for (const sample of samples) {
          const { event } = await receive(sample)
          demandEvent(event, name)
          const size = Buffer.byteLength(JSON.stringify(event.payload))
          demand(size <= largestPayload, `${sample.name} leaves ${size} bytes.`)
        }
      },
    },
    {
      name: 'what is kept of an event gives the same event, an hour later as well',
      async run() {
        for (const sample of samples) {
          const at = now()
          const { event } = await receive(sample, { now: at })
          const { event: again } = await readKept(event, { now: at + hourMs })
          demandSame([again.id, again.type], [event.id, event.type], `${sample.name}:`)
          demandSame(again.changes.map(toWords), event.changes.map(toWords), `${sample.name} tells:`)
          demandSame(codeOf(again.refusal), codeOf(event.refusal), `${sample.name} is refused with:`)
          // What is asked for upstream is asked again.
          if (isHint) continue
          demandSame(again.changes, event.changes.map(withoutHash), `${sample.name} tells:`)
          if (event.changes.length > 0) demandSame(again.occurredAt, event.occurredAt, `${sample.name}:`)
        }
      },
    },
    {
      name: 'an event that is delivered twice has one id, and two events have two',
      async run() {
        const ids = new Set<string>()
        for (const sample of samples) {
          const { event } = await receive(sample)
          const { event: again } = await receive(sample)
          demandSame(again.id, event.id, `${sample.name} the second time:`)
          ids.add(event.id)
        }
        demandSame(ids.size, samples.length, 'Different ids of all samples:')
      },
    },
    {
      name: 'of an event no secret and no hash is kept, and nobody’s address is logged',
      async run() {
        for (const sample of samples) {
          const { event, lines } = await receive(sample)
          demandNoSecret(subject, `the payload of ${sample.name}`, event.payload)
          demandNoHash(`the payload of ${sample.name}`, event.payload)
          demandNoSecret(subject, 'the log', lines)
          demandNobody(subject, 'the log', lines)
        }
      },
    },
    {
      name: 'the body that it reads stays as it is',
      async run() {
        for (const sample of samples) {
          const body: unknown = JSON.parse(sample.body)
          await read(body, verify(sample))
          demandSame(body, JSON.parse(sample.body), `${sample.name} was changed.`)
        }
      },
    },
    isHint
      ? {
          name: 'an event about which upstream cannot be asked is refused, and kept so that it can be read later',
          async run() {
            for (const sample of samples.filter(({ tells }) => tells.length > 0)) {
              const { event, reports } = await receive(sample, withFault(subject, brokenConnection))
              demandSame(codeOf(event.refusal), 'FL_UPSTREAM_UNAVAILABLE', `${sample.name} is refused with:`)
              demandSame(event.changes, [], `${sample.name} tells:`)
              demand(reports.length > 0, 'The gate hears nothing of it.')
              const { event: later } = await readKept(event)
              demandSame([later.id, later.refusal], [event.id, undefined], 'Read later:')
              demandSame(later.changes.map(toWords), [...sample.tells], `${sample.name} tells later:`)
            }
          },
        }
      : {
          name: 'an event says by itself what happened: nobody is called',
          async run() {
            for (const sample of samples) {
              const { calls, turns } = await receive(sample)
              demandSame([calls.length, turns.length], [0, 0], 'Calls and turns:')
            }
          },
        },
    {
      name: 'a gate that is closed is no reason to lose an event',
      async run() {
        for (const sample of samples) {
          const { event } = await receive(sample, { isGateClosed: true })
          demandEvent(event, name)
        }
      },
    },
    ...oddEventChecks(subject),
  ]
}
