import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { quantile } from './statistics.ts'
import type { Target } from './world.ts'

/** A client who is signed in, and asks GET /api/auth/me again and again. */
export interface MeClient {
  /** The 99th percentile of the times until the whole answer, in milliseconds; throws for any answer but 200. */
  measure(ms: number): Promise<number>
  close(): void
}

/** From a network of its own; with a new connection for every request, or one for all. */
export async function signIn(
  { url }: Target,
  { isNewConnection = false, address = '198.51.100.9' } = {},
): Promise<MeClient> {
  const agent = new Agent({ keepAlive: !isNewConnection, maxSockets: 1 })
  const login = await fetch(`${url}/api/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-forwarded-for': address },
    body: JSON.stringify({ email: 'ada@example.com', password: 'analytical-engine' }),
  })
  const { accessToken } = (await login.json()) as { accessToken: string }
  const headers = { authorization: `Bearer ${accessToken}`, 'x-forwarded-for': address }

  async function ask(): Promise<number> {
    const started = performance.now()
    const asking = request(`${url}/api/auth/me`, { agent, headers })
    asking.end()
    const [reply] = (await once(asking, 'response')) as [IncomingMessage]
    reply.resume()
    await once(reply, 'end')
    if (reply.statusCode !== 200) throw new Error(`/me answered ${reply.statusCode}`)
    return performance.now() - started
  }

  return {
    async measure(ms) {
      const times: number[] = []
      for (const until = performance.now() + ms; performance.now() < until; await sleep(10)) {
        times.push(await ask())
      }
      return quantile(times, 0.99)
    },
    close: () => agent.destroy(),
  }
}
