import { Compile } from 'typebox/compile'
import { readAnswer } from '../answers.ts'
import type { UpstreamContext } from '../upstream.ts'
import { VendorLogin } from './answers.ts'
import type { FronteggEnv } from './env.ts'
import { penaltyOf } from './penalty.ts'

export interface VendorToken {
  /** The one that is held, or a new one: asked for once, by whoever comes first, for all who wait. */
  get(): Promise<string>
  /** It was refused: it is not used again. */
  forget(token: string): void
}

interface Held {
  token: string
  refreshAt: number
  endsAt: number
}

const login = Compile(VendorLogin)
const deadlineMs = 5000
/** Of its life: what is left is for an upstream that is away when the new one is due. */
const usedShare = 0.7
const retryMs = 30_000

/**
 * What opens the Management API, kept in memory. Asking for it takes no turn of the gate, for whoever asks holds one;
 * the failed call that it was asked for is what the gate hears of.
 */
export function createVendorToken(
  env: Pick<FronteggEnv, 'FRONTEGG_CLIENT_ID' | 'FRONTEGG_API_KEY'> & { root: string },
  { http, gate, log, clock }: Pick<UpstreamContext, 'http' | 'gate' | 'log' | 'clock'>,
): VendorToken {
  let held: Held | undefined
  let flight: Promise<Held> | undefined

  async function fetchToken(): Promise<Held> {
    const askedAt = clock()
    const response = await http({
      method: 'POST',
      url: `${env.root}/auth/vendor`,
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ clientId: env.FRONTEGG_CLIENT_ID, secret: env.FRONTEGG_API_KEY }),
      deadlineMs,
    })
    const answer =
      response.status === 200 || response.status === 201 ? readAnswer(login, response.body) : undefined
    if (!answer) {
      log('warn', 'frontegg.login_failed', { status: response.status })
      const penaltyMs = penaltyOf(response, clock())
      if (penaltyMs !== undefined) await gate.report({ penaltyMs })
      throw new Error('There is no vendor token.')
    }
    const lifeMs = answer.expiresIn * 1000
    held = { token: answer.token, refreshAt: askedAt + lifeMs * usedShare, endsAt: askedAt + lifeMs }
    return held
  }

  return {
    async get() {
      if (held && clock() < held.refreshAt) return held.token
      flight ??= fetchToken().finally(() => {
        flight = undefined
      })
      const old = held
      try {
        return (await flight).token
      } catch (error) {
        if (!old || old !== held || clock() >= old.endsAt) throw error
        old.refreshAt = clock() + retryMs
        return old.token
      }
    },
    forget(token) {
      if (held?.token === token) held = undefined
    },
  }
}
