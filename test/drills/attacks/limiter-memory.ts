import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { type Attack, atMost } from './support/attack.ts'

/** A network that is blocked waits for 5,200 others to push it out of the limiter's memory. */
export default {
  name: 'limiter-memory',
  async run({ createWorld, isShort }) {
    const world = await createWorld()
    const target = await world.start({ LOG_LEVEL: 'silent', LOGIN_RATE_PER_MINUTE: '5' })
    const agent = new Agent({ keepAlive: true, maxSockets: 20 })
    const others = isShort ? 5_200 : 20_000

    /** The body is of no form: what counts is that the limit is asked first. */
    async function knock(address: string): Promise<number> {
      const headers = { 'content-type': 'application/json', 'x-forwarded-for': address }
      const asking = request(`${target.url}/api/auth/login`, { method: 'POST', agent, headers })
      asking.end('{}')
      const [reply] = await once(asking, 'response')
      reply.resume()
      await once(reply, 'end')
      return reply.statusCode
    }

    const started = performance.now()
    const statuses: number[] = []
    for (let i = 0; i < 6; i += 1) statuses.push(await knock('203.0.113.7'))
    let next = 0
    async function knockOn(): Promise<void> {
      for (let i = next++; i < others; i = next++) await knock(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`)
    }
    await Promise.all(Array.from({ length: 20 }, knockOn))
    const again = await knock('203.0.113.7')
    agent.destroy()
    const seconds = (performance.now() - started) / 1000
    return [
      {
        attack: `a blocked network, after ${others} others`,
        figure: `${statuses.join(' ')}, then ${again}`,
        limit: '429 at the end',
        verdict: again === 429 ? 'held' : 'failed',
      },
      atMost('all of it within the window of a minute', seconds, 60, 's'),
    ]
  },
} satisfies Attack
