import { setImmediate as nextTurn } from 'node:timers/promises'
import type { UserUpserted } from '../../domain/change.ts'
import { type Clock, monotonicClock } from '../../domain/clock.ts'
import type { CanonicalEmail } from '../../domain/email.ts'
import type { Pass } from '../../domain/gate.ts'
import { FirstloginError } from '../../errors.ts'
import type { Lookup, Question } from '../../upstreams/upstream.ts'
import { createCallTimes } from './call-times.ts'
import { chooseFairly } from './fair-choice.ts'

/** What is asked of an upstream: an address or an id there. */
export type Key = { email: CanonicalEmail } | { externalId: string }

export interface LookupQueueOptions {
  lookup: Lookup
  /** The longest that a caller waits. */
  deadlineMs: number
  /** Between two calls while there are more callers than the budget has calls. */
  spacingMs: number
  /** Writes what was found; called once for every call that was made, also when no caller waits any more. */
  settle: (found: UserUpserted[]) => Promise<void>
  /** Gives back the permit of a call that was not made. */
  returnPermit: (pass: Pass) => Promise<void>
  onLate: (error: Error) => void
  clock?: Clock
  random?: () => number
}

export interface Joining {
  /** Whose turn it is when not all entries fit into one call; without it the entry has a turn of its own. */
  network?: string
  /** False makes the entry a simulated one: it takes the same steps and the same time, and asks for nothing. */
  needsAnswer: Promise<boolean>
}

/** How an entry ended. */
export interface Ended {
  /** By the clock: when the answer arrived, or the failure; what was found is written after it. */
  at: number
  /** Why there is no answer: FL_UPSTREAM_UNAVAILABLE, or an error of the database. */
  fault?: Error
  /** The upstream was asked for this key. */
  wasAsked: boolean
}

export interface Ticket {
  /**
   * Resolves when everything that the upstream says of the key is written, or when a call would have lasted as long, at
   * the deadline at the latest; never rejects. A call that was made goes on.
   */
  wait(): Promise<Ended>
  /** The caller needs no answer and no time any more. A simulated entry that all have left ends, and costs no call. */
  leave(): void
}

export interface LookupQueue {
  /** All callers with one key share one entry, all entries that wait share one call. */
  join(key: Key, joining: Joining): Ticket
  /** The last call failed. */
  readonly isTroubled: boolean
}

interface Waiter {
  end(how: Omit<Ended, 'wasAsked'>): void
  /** Waits for the end, whatever it takes: a login that failed. */
  isInsisting: boolean
}

interface Entry {
  key: Key
  name: string
  network: string
  isReal: boolean
  /** Resolve when it is known whether the entry is real. */
  decisions: Promise<void>[]
  waiters: Set<Waiter>
  /** When a flight has lasted so long that no other caller should wait for it. */
  overdueAt: number
  /** Called when a waiter has left or insists. */
  onChange: () => void
}

const maxPending = 10_000
/** How long a caller may wait for the probe of an upstream that was down. */
const probeTimeoutMs = 150
const toError = (thrown: unknown) =>
  thrown instanceof Error ? thrown : new Error('Not an error.', { cause: thrown })
const unavailable = () => new FirstloginError('FL_UPSTREAM_UNAVAILABLE', { retryAfterS: 1 })
const isAwaited = ({ waiters }: Entry) => waiters.size > 0
const insists = ({ waiters }: Entry) => [...waiters].some(({ isInsisting }) => isInsisting)

export function createLookupQueue(options: LookupQueueOptions): LookupQueue {
  const { lookup, deadlineMs, spacingMs, settle, returnPermit, onLate, clock = monotonicClock } = options
  const waiting = new Map<string, Entry>()
  const flying = new Map<string, Entry>()
  const times = createCallTimes(options.random)
  let isPumping = false
  let isCrowded = false
  let isTroubled = false

  function join(key: Key, { network, needsAnswer }: Joining): Ticket {
    const joinedAt = clock.now()
    const entry = findEntry(key, network)
    if (!entry || entry.overdueAt < joinedAt) {
      const ended = { at: joinedAt, fault: unavailable(), wasAsked: false }
      return { wait: async () => ended, leave() {} }
    }
    let end: Waiter['end'] = () => {}
    const ended = new Promise<Ended>((resolve) => {
      end = (how) => {
        takeBack()
        if (!entry.waiters.delete(waiter)) return
        resolve({ ...how, wasAsked: entry.isReal })
        void forsake(entry)
      }
    })
    const waiter: Waiter = { end: (how) => end(how), isInsisting: false }
    const takeBack = clock.after(deadlineMs, () => end({ at: joinedAt + deadlineMs, fault: unavailable() }))
    entry.waiters.add(waiter)
    entry.decisions.push(
      needsAnswer.then(
        (needs) => void (entry.isReal ||= needs),
        () => {},
      ),
    )
    void pump()
    return {
      wait() {
        waiter.isInsisting = true
        entry.onChange()
        return ended
      },
      leave: () => end({ at: clock.now() }),
    }
  }

  /** A flight is shared if it is known to ask: a caller who has just come may need the answer. */
  function findEntry(key: Key, network: string | undefined): Entry | undefined {
    const name = JSON.stringify(key)
    const flown = flying.get(name)
    if (flown?.isReal) return flown
    const found = waiting.get(name)
    if (found || waiting.size >= maxPending) return found
    const entry: Entry = {
      key,
      name,
      network: network ?? name,
      isReal: false,
      decisions: [],
      waiters: new Set(),
      overdueAt: Infinity,
      onChange() {},
    }
    waiting.set(name, entry)
    return entry
  }

  /** Of entries that no caller waits for, only real ones are kept for the next call. */
  async function forsake(entry: Entry): Promise<void> {
    entry.onChange()
    if (isAwaited(entry)) return
    await Promise.all(entry.decisions)
    if (!entry.isReal && !isAwaited(entry) && waiting.get(entry.name) === entry) waiting.delete(entry.name)
  }

  /** Starts one flight after the other; each leaves when its turn comes, so that the next can gather meanwhile. */
  async function pump(): Promise<void> {
    if (isPumping) return
    isPumping = true
    // All who arrive in the same moment share the first call.
    await nextTurn()
    while ([...waiting.values()].some(isAwaited)) {
      const startedAt = clock.now()
      await new Promise<void>((taken) => void fly(taken).finally(taken))
      isCrowded ||= clock.now() - startedAt > spacingMs
      // Calls that all start at once leave those who come after them waiting for a whole window.
      if (isCrowded) await new Promise<void>((resolve) => void clock.after(spacingMs, resolve))
    }
    isCrowded = false
    dropForgotten()
    isPumping = false
  }

  async function fly(taken: () => void): Promise<void> {
    let batch: Entry[] | undefined
    let pass: Pass | undefined
    let stopTimeout = () => {}
    let [decidedAt, calledAt] = [0, 0]
    let usualMs: number | undefined
    let isCalled = false
    let arrivedAt: number | undefined
    /** When the answer is there. What comes between decision and call may take longer for one kind of account. */
    const arrive = () => (arrivedAt ??= decidedAt + (clock.now() - calledAt))

    async function take(turn: Pass): Promise<Question | undefined> {
      pass = turn
      const own = takeBatch(turn)
      batch = own
      if (turn.isProbe)
        stopTimeout = clock.after(probeTimeoutMs, () => dismiss(own, clock.now(), unavailable()))
      taken()
      await Promise.all(own.flatMap(({ decisions }) => decisions))
      decidedAt = clock.now()
      usualMs = times.pick(decidedAt)
      isCalled = await mustCall(own, turn, usualMs)
      if (!isCalled) return undefined
      calledAt = clock.now()
      for (const entry of own) entry.isReal = true
      return toQuestion(own)
    }

    try {
      const found = await lookup.find(take)
      if (isCalled) {
        arrive()
        note(calledAt, undefined)
        await settle(found)
        release(batch ?? [], arrive())
      } else if (batch && usualMs !== undefined && (await simulate(batch, decidedAt + usualMs))) {
        release(batch, decidedAt + usualMs)
      } else {
        land(batch ?? [])
        if (pass) await returnPermit(pass)
      }
    } catch (thrown) {
      const error = toError(thrown)
      const at = isCalled ? arrive() : clock.now()
      if (isCalled) note(calledAt, error)
      isTroubled ||= batch === undefined
      // No caller waits while the gate is closed, but the probe will ask about those who came.
      dismiss(batch ?? [...waiting.values()], at, error)
      if (batch) land(batch)
      else dropForgotten()
      if (!(error instanceof FirstloginError)) onLate(error)
    } finally {
      stopTimeout()
    }
  }

  /** Real and simulated entries alike, those first that a caller waits for. */
  function takeBatch({ isProbe }: Pass): Entry[] {
    const entries = [...waiting.values()]
    const chosen = chooseFairly(entries.filter(isAwaited), lookup.batchSize)
    const forgotten = entries.filter((entry) => !isAwaited(entry)).slice(0, lookup.batchSize - chosen.length)
    const batch = [...chosen, ...forgotten]
    for (const entry of batch) {
      entry.overdueAt = clock.now() + (isProbe ? probeTimeoutMs : deadlineMs)
      waiting.delete(entry.name)
      flying.set(entry.name, entry)
    }
    return batch
  }

  /**
   * One real entry makes the whole batch real: its call is the same, whatever the others are. Simulated entries alone
   * cost a call only where it is not known how long a call takes, or that it succeeds.
   */
  async function mustCall(batch: Entry[], { isProbe }: Pass, usualMs: number | undefined): Promise<boolean> {
    if (batch.some(({ isReal }) => isReal)) return true
    if (isProbe) return batch.length > 0
    if (isTroubled) return batch.some(isAwaited)
    return usualMs === undefined && changesTo(batch, insists)
  }

  /**
   * Resolves to true when the simulated call is over and the login of one caller has failed, to false when all have left:
   * while passwords are still being checked it is open whether the permit is used.
   */
  async function simulate(batch: Entry[], endsAt: number): Promise<boolean> {
    let isOver = false
    const takeBack = clock.after(endsAt - clock.now(), () => {
      isOver = true
      for (const entry of batch) entry.onChange()
    })
    const isEnded = await changesTo(batch, (entry) => isOver && insists(entry))
    takeBack()
    return isEnded
  }

  /** Resolves to true when an entry is as wanted, to false when all callers have left. */
  async function changesTo(batch: Entry[], isWanted: (entry: Entry) => boolean): Promise<boolean> {
    return new Promise((resolve) => {
      const look = () => {
        if (batch.some(isWanted)) resolve(true)
        else if (!batch.some(isAwaited)) resolve(false)
      }
      for (const entry of batch) entry.onChange = look
      look()
    })
  }

  function note(calledAt: number, error: Error | undefined): void {
    isTroubled = error !== undefined
    if (!error) times.note(calledAt, clock.now() - calledAt)
  }

  function release(batch: Entry[], at: number): void {
    land(batch)
    for (const entry of batch) for (const waiter of entry.waiters) waiter.end({ at })
  }

  function land(batch: Entry[]): void {
    for (const entry of batch) if (flying.get(entry.name) === entry) flying.delete(entry.name)
  }

  function dismiss(entries: Entry[], at: number, fault: Error): void {
    for (const entry of entries) for (const waiter of entry.waiters) waiter.end({ at, fault })
  }

  /** Of the entries that no caller waits for any more, the last are kept: the next call has room for them. */
  function dropForgotten(): void {
    const forgotten = [...waiting.values()].filter((entry) => !isAwaited(entry))
    for (const { name } of forgotten.slice(0, -lookup.batchSize)) waiting.delete(name)
  }

  return {
    join,
    get isTroubled() {
      return isTroubled
    },
  }
}

function toQuestion(batch: Entry[]): Question {
  return {
    emails: batch.flatMap(({ key }) => ('email' in key ? key.email : [])),
    externalIds: batch.flatMap(({ key }) => ('externalId' in key ? key.externalId : [])),
  }
}
