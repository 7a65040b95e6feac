import { age } from '../../routes/auth/age.ts'
import { browse, createRandom } from '../../routes/auth/tabs.ts'
import type { Attack } from './support/attack.ts'

/** No attack, but what looks like one: tabs that share a cookie jar, whose requests and answers overtake each other. */
export default {
  name: 'tabs',
  async run({ createWorld, isShort, say }) {
    const world = await createWorld()
    // Latencies are 20 to 500 s, a thousandfold; the grace is four times the longest.
    const target = await world.start({ REFRESH_GRACE_S: '2000', READTHROUGH_DEADLINE_MS: '60000' })
    const post = (path: string, body: object) =>
      fetch(`${target.url}/api/auth/${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    const runs = isShort ? 5 : 1000
    let refused = 0
    let refreshes = 0
    for (let seed = 1; seed <= runs; seed += 1) {
      if (seed % 100 === 0) say(`${seed} of ${runs}`)
      await world.sql`delete from firstlogin.sessions`
      const login = await post('login', { email: 'ada@example.com', password: 'analytical-engine' })
      const { refreshToken } = (await login.json()) as { refreshToken: string }
      refused += await browse({ refreshToken }, 3, {
        random: createRandom(seed),
        pass: (seconds) => age(world.sql, seconds),
        async refresh(token) {
          refreshes += 1
          const reply = await post('refresh', { refreshToken: token })
          return reply.ok ? ((await reply.json()) as { refreshToken: string }).refreshToken : undefined
        },
      })
    }
    return [
      {
        attack: 'a user logged out by tabs that share a cookie jar',
        figure: `${refused} of ${refreshes} refreshes in ${runs} runs`,
        limit: '0',
        verdict: refused === 0 ? 'held' : 'failed',
      },
    ]
  },
} satisfies Attack
