import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import type { UserUpserted } from '../../domain/change.ts'
import type { CanonicalEmail } from '../../domain/email.ts'
import type { Pass } from '../../domain/gate.ts'
import { FirstloginError } from '../../errors.ts'
import type { Lookup, Question } from '../../upstreams/upstream.ts'

/** What is asked of an upstream: an address or an id there. */
export type Key = { email: CanonicalEmail } | { externalId: string }

export interface LookupQueueOptions {
  lookup: Lookup
  /** The longest that anybody waits. */
  deadlineMs: number
  /** Writes what was found; called once for every call that was made, also when nobody waits any more. */
  settle: (found: UserUpserted[]) => Promise<void>
  onLate: (error: Error) => void
}

export interface LookupQueue {
  /**
   * Resolves once everything the upstream says of the key is written. All who ask for one key share one flight, all
   * who wait share one call. Throws FL_UPSTREAM_UNAVAILABLE, at the deadline at the latest; the flight goes on.
   */
  ask(key: Key): Promise<void>
  /** Takes as long as `ask` would, and fails as it would, without needing the answer. */
  pretend(key: Key): Promise<void>
  /** The last call failed. */
  readonly isTroubled: boolean
}

interface Waiter {
  resolve: () => void
  reject: (error: Error) => void
}

interface Entry {
  key: Key
  name: string
  isReal: boolean
  waiters: Set<Waiter>
  /** When a flight has lasted so long that nobody else should wait for it. */
  overdueAt: number
}

const mostPending = 10_000
/** How long one may wait for the probe of an upstream that was down: the answer is 503 within 250 ms. */
const probePatienceMs = 150
const toError = (thrown: unknown) =>
  thrown instanceof Error ? thrown : new Error('Not an error.', { cause: thrown })
const unavailable = () => new FirstloginError('FL_UPSTREAM_UNAVAILABLE', { retryAfterS: 1 })

export function createLookupQueue({ lookup, deadlineMs, settle, onLate }: LookupQueueOptions): LookupQueue {
  const waiting = new Map<string, Entry>()
  const flying = new Map<string, Entry>()
  // How long the last calls took that succeeded: what a pretended one is modelled on.
  const samples: number[] = []
  let isPumping = false
  let isTroubled = false

  function join(key: Key, isReal: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const entry = find(key, isReal)
      if (!entry || entry.overdueAt < performance.now()) return reject(unavailable())
      const timer = setTimeout(() => leave(unavailable()), deadlineMs)
      const waiter = { resolve: () => leave(), reject: leave }
      entry.waiters.add(waiter)
      function leave(error?: Error) {
        clearTimeout(timer)
        entry?.waiters.delete(waiter)
        if (error) reject(error)
        else resolve()
      }
      void pump()
    })
  }

  function find(key: Key, isReal: boolean): Entry | undefined {
    const name = JSON.stringify(key)
    const flown = flying.get(name)
    if (flown && (flown.isReal || !isReal)) return flown
    const entry = waiting.get(name) ?? { key, name, isReal, waiters: new Set(), overdueAt: Infinity }
    entry.isReal ||= isReal
    if (!waiting.has(name) && waiting.size >= mostPending) return undefined
    waiting.set(name, entry)
    return entry
  }

  /** Starts one flight after the other; each leaves when its turn comes, so that the next can gather meanwhile. */
  async function pump(): Promise<void> {
    if (isPumping) return
    isPumping = true
    // Whoever arrives in the same moment shares the first call.
    await nextTurn()
    while (someoneWaits()) {
      await new Promise<void>((taken) => void fly(taken).finally(taken))
    }
    dropForgotten()
    isPumping = false
  }

  function someoneWaits(): boolean {
    for (const entry of waiting.values()) if (entry.waiters.size > 0) return true
    return false
  }

  async function fly(taken: () => void): Promise<void> {
    let batch: Entry[] | undefined
    let patience: NodeJS.Timeout | undefined
    let started = 0
    let isCalled = false
    try {
      const found = await lookup.find((pass) => {
        batch = takeBatch(pass)
        if (pass.isProbe) patience = setTimeout(() => dismiss(batch ?? [], unavailable()), probePatienceMs)
        started = performance.now()
        const question = toQuestion(batch, pass)
        isCalled = question !== undefined
        taken()
        return question
      })
      if (isCalled) await settle(found)
      else await pretendToCall()
      if (isCalled) note(started, undefined)
      release(batch ?? [])
    } catch (thrown) {
      const error = toError(thrown)
      if (isCalled) note(started, error)
      isTroubled ||= batch === undefined
      // Nobody waits while the gate is closed, but the probe will ask about those who came.
      dismiss(batch ?? [...waiting.values()], error)
      if (batch) land(batch)
      else dropForgotten()
      if (!(error instanceof FirstloginError)) onLate(error)
    } finally {
      clearTimeout(patience)
    }
  }

  /** Whoever still waits comes first. */
  function takeBatch({ isProbe }: Pass): Entry[] {
    const entries = [...waiting.values()]
    const [patient, gone] = [true, false].map((does) =>
      entries.filter(({ waiters }) => waiters.size > 0 === does),
    )
    const batch = [...(patient ?? []), ...(gone ?? [])].slice(0, lookup.batchSize)
    for (const entry of batch) {
      entry.overdueAt = performance.now() + (isProbe ? probePatienceMs : deadlineMs)
      waiting.delete(entry.name)
      flying.set(entry.name, entry)
    }
    return batch
  }

  /** Undefined when all of them only pretend, and how long a call takes, and that it succeeds, is known. */
  function toQuestion(batch: Entry[], pass: Pass): Question | undefined {
    const mustCall = pass.isProbe || isTroubled || samples.length === 0
    const real = mustCall ? batch : batch.filter((entry) => entry.isReal)
    if (real.length === 0) return undefined
    for (const entry of real) entry.isReal = true
    return {
      emails: real.flatMap(({ key }) => ('email' in key ? key.email : [])),
      externalIds: real.flatMap(({ key }) => ('externalId' in key ? key.externalId : [])),
    }
  }

  async function pretendToCall(): Promise<void> {
    await sleep(samples[Math.floor(Math.random() * samples.length)] ?? 0)
  }

  function note(started: number, error: Error | undefined): void {
    isTroubled = error !== undefined
    if (!error) samples.push(performance.now() - started)
    if (samples.length > 32) samples.shift()
  }

  function release(batch: Entry[]): void {
    land(batch)
    for (const entry of batch) for (const waiter of entry.waiters) waiter.resolve()
  }

  function land(batch: Entry[]): void {
    for (const entry of batch) if (flying.get(entry.name) === entry) flying.delete(entry.name)
  }

  function dismiss(entries: Entry[], error: Error): void {
    for (const entry of entries) for (const waiter of entry.waiters) waiter.reject(error)
  }

  /** Of those whom nobody waits for any more, the last are kept: the next call has room for them. */
  function dropForgotten(): void {
    const surplus = [...waiting.keys()].slice(0, -lookup.batchSize)
    for (const key of surplus) waiting.delete(key)
  }

  return {
    ask: (key) => join(key, true),
    pretend: (key) => join(key, false),
    get isTroubled() {
      return isTroubled
    },
  }
}
