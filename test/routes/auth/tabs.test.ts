import t from 'tap'
import { createWorld } from '../../support/service.ts'
import { age } from './age.ts'
import { createClient } from './client.ts'
import { browse, createRandom } from './tabs.ts'

t.test(
  'no user is logged out by tabs that share a cookie jar, in whichever order answers arrive',
  async (t) => {
    const world = await createWorld(t)
    // Four times the longest latency.
    const service = await world.start({ REFRESH_GRACE_S: '2000', READTHROUGH_DEADLINE_MS: '60000' })
    const { refresh } = createClient(service.app)
    for (let seed = 1; seed <= 6; seed += 1) {
      const { refreshToken } = (await service.login('ada@example.com', 'analytical-engine')).json()
      const refusals = await browse({ refreshToken }, 3, {
        random: createRandom(seed),
        pass: (seconds) => age(world.sql, seconds),
        async refresh(token) {
          const reply = await refresh(token)
          return reply.statusCode === 200 ? reply.json().refreshToken : undefined
        },
      })
      t.equal(refusals, 0, `seed ${seed}`)
    }
  },
)
