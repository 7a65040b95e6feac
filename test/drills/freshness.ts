import { hash } from '@node-rs/argon2'
import t from 'tap'
import { createClient } from '../routes/auth/client.ts'
import { send, syncOn, toEvent } from '../support/events.ts'
import { createWorld } from '../support/service.ts'
import { until } from '../support/until.ts'
import { quantile } from './attacks/support/statistics.ts'

const count = Number(process.env['FRESHNESS_EVENTS'] ?? 1000)
const email = 'mary@example.com'
const password = 'correct horse battery staple'

t.test(
  `"An event's effect is visible to login on a second instance within 250 ms (p99 of 1,000)"`,
  async (t) => {
    const world = await createWorld(t)
    const [first, second] = await Promise.all([world.start(syncOn), world.start(syncOn)])
    const passwordHash = await hash(password, { memoryCost: 64, timeCost: 1, parallelism: 1 })
    let at = Date.UTC(2026, 10, 20)
    async function sendUser(name: string): Promise<void> {
      at += 1000
      const user = { email, passwordHash, name, status: 'active' }
      const occurredAt = new Date(at).toISOString()
      await send(first, toEvent({ eventType: 'user.updated', occurredAt, user }))
    }
    await sendUser('Mary')
    const { accessToken } = (await second.login(email, password)).json<{ accessToken: string }>()
    const { me } = createClient(second.app)

    const delays: number[] = []
    for (let index = 0; index < count; index += 1) {
      await sendUser(`Mary ${index}`)
      const sentAt = performance.now()
      await until(async () => (await me(accessToken)).json().user?.name === `Mary ${index}`)
      delays.push(performance.now() - sentAt)
    }
    const p99 = quantile(delays, 0.99)
    t.ok(p99 < 250, `p50 ${quantile(delays, 0.5).toFixed(1)} ms, p99 ${p99.toFixed(1)} ms of ${count} events`)
  },
)
