import { FirstloginError } from '../../errors.ts'

export interface BodyLimits {
  /** Bytes that one network may have sent and not yet proved. */
  unprovedPerNetwork: number
  /** The same for all networks together: beyond it, the body that is the longest under way is given up. */
  unproved: number
  /** Bytes a minute that one network may send and fail to prove. */
  failedPerNetwork: number
  /** The same of all networks together: beyond it, those that proved something lately go on. */
  failed: number
  /** A body up to this size is always taken in. */
  small: number
}

export const defaultBodyLimits: BodyLimits = {
  unprovedPerNetwork: 8 * 1024 * 1024,
  unproved: 64 * 1024 * 1024,
  failedPerNetwork: 2 * 1024 * 1024,
  failed: 8 * 1024 * 1024,
  small: 64 * 1024,
}

const trustMs = 3_600_000

/** The body of one request, from its first byte until its sender is proved or refused. */
export interface UnprovedBody {
  /** Throws FL_RATE_LIMITED when these bytes are too many for the network. */
  add(bytes: number): void
  /** Ends it. Bytes that were not proved are held against the network for a minute. */
  settle(isProved: boolean): void
}

export interface BodyBudget {
  /**
   * `giveUp` is called when others need the room. Throws FL_RATE_LIMITED if a body of this length would be too much for the
   * network, FL_OVERLOADED if for all.
   */
  begin(network: string, length: number, giveUp: () => void): UnprovedBody
}

interface Sender {
  unproved: number
  failed: Debt
  provedAt: number
}

/** A number of bytes that shrinks with the time, to nothing within a minute if it is as large as its limit. */
interface Debt {
  bytes: number
  at: number
}

interface Body {
  sender: Sender
  bytes: number
  giveUp: () => void
}

/**
 * Limits the bytes that are read for senders who have proved nothing: by client network, so that no sender can make
 * the service read and hash without end, or refuse others. `clock` is in milliseconds.
 */
export function createBodyBudget(limits: BodyLimits, clock: () => number): BodyBudget {
  const senders = new Map<string, Sender>()
  const bodies = new Set<Body>()
  const failed: Debt = { bytes: 0, at: 0 }
  let unproved = 0
  let nextPrune = 1000

  function getSender(network: string): Sender {
    const known = senders.get(network)
    if (known) return known
    if (senders.size >= nextPrune) prune()
    const sender = { unproved: 0, failed: { bytes: 0, at: 0 }, provedAt: Number.NEGATIVE_INFINITY }
    senders.set(network, sender)
    return sender
  }

  /** Brings a debt up to date. */
  function settleDebt(debt: Debt, limit: number): number {
    const now = clock()
    debt.bytes = Math.max(0, debt.bytes - ((now - debt.at) / 60_000) * limit)
    debt.at = now
    return debt.bytes
  }

  const isTrusted = ({ provedAt }: Sender) => clock() - provedAt < trustMs

  /** Senders of whom there is nothing to remember are forgotten. */
  function prune(): void {
    for (const [network, sender] of senders) {
      const isOwing = sender.unproved > 0 || settleDebt(sender.failed, limits.failedPerNetwork) > 0
      if (!isOwing && !isTrusted(sender)) senders.delete(network)
    }
    nextPrune = Math.max(1000, senders.size * 2)
  }

  function check(sender: Sender, own: number, more: number): void {
    if (own + more <= limits.small) return
    if (sender.unproved + more > limits.unprovedPerNetwork)
      throw new FirstloginError('FL_RATE_LIMITED', { retryAfterS: 1 })
    checkDebt(sender.failed, limits.failedPerNetwork, 'FL_RATE_LIMITED')
    if (!isTrusted(sender)) checkDebt(failed, limits.failed, 'FL_OVERLOADED')
  }

  function checkDebt(debt: Debt, limit: number, code: 'FL_RATE_LIMITED' | 'FL_OVERLOADED'): void {
    const over = settleDebt(debt, limit) - limit
    if (over < 0) return
    throw new FirstloginError(code, { retryAfterS: Math.max(1, Math.ceil((over / limit) * 60)) })
  }

  function makeRoom(): void {
    for (const body of bodies) {
      if (unproved <= limits.unproved) return
      end(body)
      body.giveUp()
    }
  }

  function end(body: Body): boolean {
    if (!bodies.delete(body)) return false
    unproved -= body.bytes
    body.sender.unproved -= body.bytes
    return true
  }

  return {
    begin(network, length, giveUp) {
      const sender = getSender(network)
      check(sender, 0, length)
      const body: Body = { sender, bytes: 0, giveUp }
      bodies.add(body)
      return {
        add(bytes) {
          if (!bodies.has(body)) return
          check(sender, body.bytes, bytes)
          body.bytes += bytes
          sender.unproved += bytes
          unproved += bytes
          if (unproved > limits.unproved) makeRoom()
        },
        settle(isProved) {
          if (!end(body)) return
          if (isProved) {
            sender.provedAt = clock()
            return
          }
          settleDebt(sender.failed, limits.failedPerNetwork)
          settleDebt(failed, limits.failed)
          sender.failed.bytes += body.bytes
          failed.bytes += body.bytes
        },
      }
    },
  }
}
