import { createHmac } from 'node:crypto'
import type { Sql } from 'postgres'
import {
  type AttemptLimits,
  adoptAccount,
  countAttempt,
  forgetFailures,
  forgive,
  recordFailure,
  type SuccessfulAttempt,
  sweepAttempts,
  uncountAttempt,
} from '../db/login-attempts.ts'
import { createDeviceId, encodeDeviceToken, readDeviceToken } from '../domain/device.ts'
import type { CanonicalEmail } from '../domain/email.ts'
import { clientNetwork } from '../domain/network.ts'
import { createKeyRing, type Secrets } from '../domain/sealing.ts'
import { FirstloginError } from '../errors.ts'
import { createTurns } from './turns.ts'

export interface Login {
  email: CanonicalEmail
  address: string
  /** The device cookie that came with the request. */
  device?: string | undefined
  /** After a success the client gets a device cookie. */
  keepDevice?: boolean | undefined
}

/**
 * A login attempt that was counted as a failure beforehand. One of its methods says what it was. `abandon` comes last, when the
 * answer is released: until then, attempts that wait for this one to end must not learn how long it took.
 */
export interface CountedLogin {
  network: string
  /** What the attempt counts for: a device, or the network. */
  client: string
  /** This account has logged in from this client before. */
  isRecognized: boolean
  /**
   * Too many attempts were answered 503. Before one more password counts, an upstream that would be asked about an unknown
   * address has to answer; otherwise an outage would be a time for guessing.
   */
  mustAsk: boolean
  /** What the client is given after a success. */
  deviceToken: string | undefined
  /** The password was right: failures are forgiven, together with what `start` writes, and the attempt is over. */
  succeed<T>(start: (success: SuccessfulAttempt) => Promise<T>): Promise<T>
  /** The password was right, and there is nothing to start. */
  forgive(): Promise<void>
  /** The password was wrong. */
  fail(): Promise<void>
  /** The answer is 503, because an upstream is unavailable. */
  excuse(): Promise<void>
  /** No password was looked at. */
  withdraw(): Promise<void>
  /** The attempt is over. One about which nothing was said stays counted; after `succeed` this does nothing. */
  abandon(): void
}

/** Limits guessing: failures of an account are counted per client, and over all clients. */
export interface Throttle {
  /** Counts the attempt. Throws FL_LOGIN_THROTTLED where it is one too many, in the same way for unknown addresses. */
  begin(login: Login): Promise<CountedLogin>
  /** True for a device cookie that we have issued. */
  isDevice(token: string | undefined): boolean
  /** Forgets what was counted for an account, and answers how many consecutive failures that were. */
  unlock(email: CanonicalEmail): Promise<number>
}

export interface ThrottleOptions {
  sql: Sql
  secret: Secrets
  limits?: Partial<AttemptLimits>
}

/** NIST SP 800-63B-4, section 3.2.2: at most 100 consecutive failures of one account. */
export const defaultLimits: AttemptLimits = {
  windowS: 900,
  maxFailures: 10,
  maxFailuresKnown: 30,
  maxConsecutive: 100,
}

/** One failure of so many deletes rows that are over. */
const sweepEvery = 50

export function createThrottle({ sql, secret, ...options }: ThrottleOptions): Throttle {
  const limits = { ...defaultLimits, ...options.limits }
  const accountKeys = createKeyRing(secret, 'accounts')
  const deviceKeys = createKeyRing(secret, 'devices')
  const turns = createTurns()
  let failed = 0

  /** The newest account key's first. */
  function toAccounts(email: CanonicalEmail): { account: Buffer; former: Buffer[] } {
    const [account = Buffer.alloc(0), ...former] = accountKeys.all.map((key) =>
      createHmac('sha256', key).update(email).digest().subarray(0, 16),
    )
    return { account, former }
  }

  async function begin(login: Login): Promise<CountedLogin> {
    const { account, former } = toAccounts(login.email)
    const network = clientNetwork(login.address)
    const deviceId = login.device === undefined ? undefined : readDeviceToken(deviceKeys.all, login.device)
    const who = { account, network, device: deviceId && toClient(deviceId) }
    const turn = [account.toString('base64'), network, deviceId].join()
    await adoptAccount(sql, account, former)

    const watch = turns.watch(turn)
    let counted = await countAttempt(sql, who, limits).finally(watch.stop)
    if (!counted.isRefused) turns.begin(turn)
    else if (watch.hasAnyEnded()) {
      // One that still counted in the statement may have been right.
      turns.begin(turn)
      counted = await countOrEnd()
    } else if (await turns.takeOver(turn)) counted = await countOrEnd()
    if (counted.isRefused) throw new FirstloginError('FL_LOGIN_THROTTLED', { retryAfterS: counted.endsInS })

    async function countOrEnd() {
      let isCounted = false
      try {
        const again = await countAttempt(sql, who, limits)
        isCounted = !again.isRefused
        return again
      } finally {
        if (!isCounted) turns.end(turn)
      }
    }

    const keys = { account, client: counted.client }
    const keptDevice = login.keepDevice ? (deviceId ?? createDeviceId()) : undefined
    const recognize = keptDevice === undefined ? [network] : [network, toClient(keptDevice)]
    let isOver = false

    function abandon(): void {
      if (!isOver) turns.end(turn)
      isOver = true
    }

    const success = { ...keys, recognize }

    async function succeed<T>(start: (success: SuccessfulAttempt) => Promise<T>): Promise<T> {
      return start(success).finally(abandon)
    }

    async function fail(): Promise<void> {
      if (counted.isRecognized) await recordFailure(sql, keys)
      failed += 1
      if (failed % sweepEvery === 0) await sweepAttempts(sql, sweepEvery * 10)
    }

    return {
      network,
      client: counted.client,
      isRecognized: counted.isRecognized,
      mustAsk: counted.mustAsk,
      deviceToken: keptDevice && encodeDeviceToken(deviceKeys.current, keptDevice),
      succeed,
      forgive: () => forgive(sql, success),
      fail,
      excuse: () => uncountAttempt(sql, keys, { whileAway: 1 }),
      withdraw: () => uncountAttempt(sql, keys, { whileAway: 0 }),
      abandon,
    }
  }

  return {
    begin,
    isDevice: (token) => token !== undefined && readDeviceToken(deviceKeys.all, token) !== undefined,
    async unlock(email) {
      const { account, former } = toAccounts(email)
      return forgetFailures(sql, [account, ...former])
    },
  }
}

function toClient(deviceId: string): string {
  return `device ${deviceId}`
}
