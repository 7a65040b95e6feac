import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { signatureOf } from '../../support/events.ts'
import { below, type ToldEvent } from './story.ts'

export interface Told {
  event: ToldEvent
  /** What came with each 200. */
  results: string[]
  /** How often no answer came, or another one: what became of the event is not known from these. */
  unanswered: number
}

export interface Senders {
  /** Everything that was ever sent, by event. */
  told: Map<string, Told>
  acknowledged(): number
  /** How often each answer came that was no 200: a status with its code, or the code of a broken connection. */
  failures: Map<string, number>
  /** Resolves with the next 200; throws if there is none for a minute. */
  nextAnswer(): Promise<void>
  /** No new events from now on; resolved when the last one is acknowledged. */
  finish(): Promise<void>
  /** Leaves everything as it is. */
  abandon(): Promise<void>
}

const pauseMs = 40
const patienceMs = 20_000
const longestSilenceMs = 60_000

/**
 * As senders at the other end of a network: each sends one event at a time, again and again until it is acknowledged.
 * Of those that were not answered every fourth is sent by two at once from then on; some that were are sent again.
 */
export function startSenders(address: string, next: () => ToldEvent, count: number): Senders {
  const agent = new Agent({ connections: count, headersTimeout: patienceMs, bodyTimeout: patienceMs })
  const told = new Map<string, Told>()
  const failures = new Map<string, number>()
  const again: Told[] = []
  let acknowledged = 0
  let isOver = false
  let isAbandoned = false
  let announce = () => {}
  let answered = new Promise<void>((resolve) => (announce = resolve))

  function take(): Told | undefined {
    const waiting = again.shift()
    if (waiting || isOver) return waiting
    const event = next()
    const fresh = { event, results: [], unanswered: 0 }
    told.set(event.id, fresh)
    return fresh
  }

  async function work(): Promise<void> {
    for (let one = take(); one; one = take()) await deliver(one)
  }

  async function deliver(one: Told): Promise<void> {
    while (!isAbandoned) {
      const answer = await post(one.event.body)
      if (answer.result !== undefined) {
        if (one.results.length === 0) acknowledged += 1
        one.results.push(answer.result)
        announce()
        answered = new Promise((resolve) => (announce = resolve))
        if (one.results.length === 1 && below(50) === 0) again.push(one)
        return
      }
      one.unanswered += 1
      failures.set(answer.failure, (failures.get(answer.failure) ?? 0) + 1)
      if (one.unanswered === 1 && below(4) === 0) again.push(one)
      await sleep(pauseMs)
    }
  }

  async function post(body: string): Promise<{ result: string } | { result?: never; failure: string }> {
    try {
      const reply = await request(`${address}/api/sync/users/inbound`, {
        dispatcher: agent,
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-signature': signatureOf(body) },
        body,
      })
      const said = (await reply.body.json()) as { result?: string; code?: string }
      if (reply.statusCode === 200) return { result: said.result ?? 'nothing' }
      return { failure: `${reply.statusCode} ${said.code}` }
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : error
      return { failure: String(code) }
    }
  }

  const working = Array.from({ length: count }, work)
  return {
    told,
    failures,
    acknowledged: () => acknowledged,
    async nextAnswer() {
      const late = sleep(longestSilenceMs, 'late', { ref: false })
      if ((await Promise.race([answered, late])) === 'late')
        throw new Error('Nothing is acknowledged any more.')
    },
    async finish() {
      isOver = true
      await Promise.all(working)
      await agent.close()
    },
    async abandon() {
      isOver = isAbandoned = true
      await agent.destroy()
    },
  }
}
