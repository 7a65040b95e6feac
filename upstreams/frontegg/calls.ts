import type { Pass } from '../../domain/gate.ts'
import { type CallRequest, createCalls, type Verdict } from '../calls.ts'
import type { HttpResponse, UpstreamContext } from '../upstream.ts'
import type { FronteggEnv } from './env.ts'
import { penaltyOf } from './penalty.ts'
import { createVendorToken } from './vendor-token.ts'

export interface FronteggRequest<Answer> extends Omit<CallRequest<Answer>, 'method'> {
  /** Whose eyes it is seen with. */
  tenant?: string
}

/** Reads of the Management API; an answer that is not there is the refusal `NOT_FOUND`, where it is expected. */
export interface FronteggCalls {
  get<Answer>(request: FronteggRequest<Answer>, pass: Pass, deadline: number): Promise<Answer>
  /** The same, waiting for its turn first. */
  ask<Answer>(request: FronteggRequest<Answer>): Promise<Answer>
}

const deadlineMs = 10_000

export function createFronteggCalls(env: FronteggEnv, context: UpstreamContext): FronteggCalls {
  const { clock, gate } = context
  const root = env.FRONTEGG_API_URL.replace(/\/$/, '')
  const token = createVendorToken({ ...env, root }, context)

  function get<Answer>({ tenant, ...request }: FronteggRequest<Answer>, pass: Pass, deadline: number) {
    let used = ''
    const headers = async () => {
      used = await token.get()
      return {
        authorization: `Bearer ${used}`,
        ...(tenant !== undefined && { 'frontegg-tenant-id': tenant }),
      }
    }
    function judge(response: HttpResponse): Verdict {
      const { status } = response
      const reason = `${status}`
      // It may have been revoked: the second try goes with a new one.
      if (status === 401) token.forget(used)
      const penaltyMs = penaltyOf(response, clock())
      if (penaltyMs !== undefined) return { reason, penaltyMs }
      return {
        reason,
        type: status === 404 ? 'NOT_FOUND' : undefined,
        mayRetry: status === 401 || status === 502 || status === 503,
      }
    }
    return createCalls({ name: 'frontegg', root, headers, judge }, context).send(
      { ...request, method: 'GET' },
      pass,
      deadline,
    )
  }

  return {
    get,
    async ask(request) {
      const deadline = clock() + deadlineMs
      return get(request, await gate.enter(deadlineMs), deadline)
    },
  }
}
