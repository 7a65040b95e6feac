import { setTimeout as sleep } from 'node:timers/promises'
import { type Attack, atMost, type Row } from './support/attack.ts'
import { startLoad } from './support/load.ts'
import { signIn } from './support/me.ts'

const post = (path: string, headers: string) =>
  `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: 15000\r\n${headers}\r\n`
const json = 'content-type: application/json\r\n'
const texts = [
  '',
  'GET /heal',
  'GET /healthz HTTP/1.1\r\nhost: x\r\n',
  'GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n',
  `${post('/api/auth/login', json)}{"email":`,
  post('/api/auth/login', 'content-type: image/png\r\n'),
  post('/nowhere', json),
  '\x16\x03\x01\x02\r\n\r\n',
]

/** 1,300 clients hold connections of a process that may open 1,024 files, and come back when they lose them. */
export default {
  name: 'connections',
  async run({ createWorld, isShort }) {
    const world = await createWorld()
    const target = await world.start({ LOG_LEVEL: 'warn' }, { openFiles: 1024 })
    const ms = isShort ? 5_000 : 30_000
    const client = await signIn(target, { isNewConnection: true })
    await client.measure(1_000)
    const idle = await client.measure(ms)
    const port = Number(new URL(target.url).port)
    const load = await startLoad({
      port,
      clients: 1300,
      texts,
      extraBytes: 0,
      isHolding: true,
      pauseMs: 1000,
    })
    const during = await client.measure(ms)
    await load.stop()
    await sleep(1_000)
    const after = await client.measure(4_000)
    client.close()
    const rows: Row[] = [
      atMost(`1,300 held connections: p99 of /me, idle ${idle.toFixed(1)} ms`, during, idle * 3, 'ms'),
      atMost('1,300 held connections: p99 of /me within 5 s afterwards', after, idle * 1.2, 'ms'),
    ]
    return rows
  },
} satisfies Attack
