import { setTimeout as sleep } from 'node:timers/promises'
import { type Attack, atMost, type Row } from './support/attack.ts'
import { startLoad } from './support/load.ts'
import { signIn } from './support/me.ts'

const length = 1024 * 1024
const post = (headers: string) =>
  `POST /api/sync/users/inbound HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n${headers}\r\n`
const forged = `x-signature: ${'a'.repeat(64)}\r\n`
const attacks = {
  'unsigned 1 MiB bodies, 40 at once': post('x-forwarded-for: 203.0.113.7\r\n'),
  'forged 1 MiB bodies, 40 at once, one network': post(`x-forwarded-for: 203.0.113.7\r\n${forged}`),
  'forged 1 MiB bodies, 40 at once, 40 networks': post(`x-forwarded-for: 203.0.113.{n}\r\n${forged}`),
}

/** Webhook bodies of senders who can prove nothing, as many as the service takes. */
export default {
  name: 'unsigned-bodies',
  async run({ createWorld, isShort, say }) {
    const world = await createWorld()
    const target = await world.start({
      LOG_LEVEL: 'warn',
      USER_WEBHOOK_SYNC_ENABLED: 'true',
      AIRTABLE_USER_SYNC_SECRET: 'a secret that no attacker knows',
    })
    const ms = isShort ? 5_000 : 30_000
    const port = Number(new URL(target.url).port)
    const client = await signIn(target)
    await client.measure(1_000)
    const rows: Row[] = []
    for (const [name, text] of Object.entries(attacks)) {
      const idle = await client.measure(ms)
      const plan = { port, clients: 40, texts: [text], extraBytes: length, isHolding: false, pauseMs: 0 }
      const load = await startLoad(plan)
      const during = await client.measure(ms)
      const sent = await load.stop()
      say(`${name}: ${sent} sent`)
      await sleep(1_000)
      const after = await client.measure(4_000)
      rows.push(
        atMost(`${name}: p99 of /me, idle ${idle.toFixed(1)} ms`, during, idle * 3, 'ms'),
        atMost(`${name}: p99 of /me within 5 s afterwards`, after, idle * 1.2, 'ms'),
      )
    }
    client.close()
    return rows
  },
} satisfies Attack
