import { createMemoryGate, type GateLimits } from '../../domain/gate.ts'
import { probe } from '../../plugins/upstreams/probe.ts'
import { type Http, HttpFailure, type HttpResponse, type Upstream } from '../../upstreams/upstream.ts'
import { type Check, codeOf, explainConnection, fail, ok, warn } from './check.ts'
import { findUnusableRecords, toExpensive } from './unusable-records.ts'

/** One look-up of a user who does not exist: it shows that the credentials are right, and the table and its columns. */
export async function checkUpstream(upstream: Upstream, http: Http, isStandIn: boolean): Promise<Check[]> {
  const { name } = upstream
  const settings = upstream.settings ?? {
    address: `the settings of ${name}`,
    credentials: `the settings of ${name}`,
  }
  const reasons: string[] = []
  let refusal: HttpResponse | undefined
  let failure: HttpFailure | undefined
  let address = ''
  const watched: Http = async (request) => {
    address = new URL(request.url).origin
    try {
      const response = await http(request)
      if (response.status > 299) refusal = response
      return response
    } catch (error) {
      if (error instanceof HttpFailure) failure = error
      throw error
    }
  }
  const { lookup } = upstream.create({
    http: watched,
    gate: createMemoryGate(spaced(upstream.limits)),
    log: (_level, event, { reason }) => void reasons.push(typeof reason === 'string' ? reason : event),
    clock: Date.now,
    slowMs: 10_000,
  })
  if (!lookup) return [ok(name, 'nothing to look up')]
  try {
    await probe(lookup)
  } catch {
    const said = [...new Set(reasons)].join('; ') || 'no answer'
    return [fail(name, await explain(said))]
  }
  const answers = ok(
    name,
    isStandIn ? `answers: the stand-in, because ${settings.credentials} is not set` : 'answers',
  )
  return [answers, ...(await checkRecords(upstream, http))]

  async function explain(said: string): Promise<string> {
    if (failure) {
      const code = failure.kind === 'timeout' ? 'ETIMEDOUT' : codeOf(failure.cause)
      return `${settings.address}: ${explainConnection(code, address) ?? `${address} gives no answer (${code})`}`
    }
    const own = refusal && (await upstream.explain?.(refusal, http))
    if (own) return `${own} (${said})`
    if (refusal?.status === 401 || refusal?.status === 403)
      return `${settings.credentials} is refused by ${address}: copy it again from ${name}'s dashboard (${said})`
    if (refusal?.status === 404)
      return `${settings.address}: there is nothing at ${address}: correct the address (${said})`
    if (refusal?.status === 429) return `${address} has had too many calls: try again in a minute (${said})`
    return `${address} answers, and not as expected: check ${settings.address}, and ${name}'s status page (${said})`
  }
}

async function checkRecords(upstream: Upstream, http: Http): Promise<Check[]> {
  const unusable = await findUnusableRecords(upstream, http).catch(() => [])
  const isExpensive = (reason: string) => reason === 'password_hash.too_expensive'
  const expensive = unusable.filter(({ reason }) => isExpensive(reason))
  return [
    ...toExpensive([...new Set(expensive.map(({ externalId }) => `${upstream.name}:${externalId}`))]),
    ...unusable
      .filter(({ reason }) => !isExpensive(reason))
      .map(({ externalId, reason }) =>
        warn(upstream.name, `record ${externalId} cannot be used in full (${reason})`),
      ),
  ]
}

/** One call at a time, so that the service beside it keeps most of the budget. */
function spaced({ calls, windowMs, pauseMs }: GateLimits): GateLimits {
  return { calls: 1, windowMs: windowMs / calls, pauseMs }
}
