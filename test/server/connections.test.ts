import { once } from 'node:events'
import { request } from 'node:http'
import t from 'tap'
import { findProgram } from '../support/built.ts'
import { createEmptyDatabase } from '../support/database.ts'
import { type Holder, hold } from '../support/holder.ts'
import { makeWorkplace, run } from '../support/process.ts'

t.setTimeout(240_000)

/** The status of a request of a connection of its own. */
async function ask(address: string, from: string): Promise<number | undefined> {
  const asking = request(`${address}/healthz`, { localAddress: from, agent: false })
  asking.end()
  const [reply] = await once(asking, 'response')
  reply.resume()
  return reply.statusCode
}

t.test(
  '"ulimit -n 1024": 1,300 clients that never let go of their connections keep nobody out',
  async (t) => {
    const { url } = await createEmptyDatabase(t)
    const program = await findProgram()
    const limited = ['sh', '-c', 'ulimit -n 1024; exec "$0" "$@"', process.execPath, program] as const
    const cwd = await makeWorkplace(t)
    const service = run(t, limited, { cwd, env: { PORT: '0', DATABASE_URL: url, LOG_LEVEL: 'warn' } })
    const address = await service.ready
    const port = Number(new URL(address).port)

    const post = (path: string, headers: string) =>
      `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: 15000\r\n${headers}\r\n`
    const json = 'content-type: application/json\r\n'
    const ways = {
      'without a byte': '',
      'with half a request line': 'GET /heal',
      'with headers that do not end': 'GET /healthz HTTP/1.1\r\nhost: x\r\n',
      'kept after an answer': 'GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n',
      'with half a body': `${post('/api/auth/login', json)}{"email":`,
      'refused for its content type': post('/api/auth/login', 'content-type: image/png\r\n'),
      'refused for its address': post('/nowhere', json),
      'refused as an unsigned webhook': post('/api/sync/users/inbound', json),
      'that is not HTTP': '\x16\x03\x01\x02\r\n\r\n',
    }
    const holders: Holder[] = []
    for (const [name, bytes] of Object.entries(ways)) {
      const more = Array.from({ length: 150 }, () => hold(t, port, bytes))
      holders.push(...(await Promise.all(more)))
      t.equal(await ask(address, '127.0.0.1'), 200, `${holders.length} connections, the last ones ${name}`)
      t.equal(await ask(address, '127.0.0.2'), 200, 'from another network')
    }
    t.ok(holders.length > 1300, `${holders.length} connections`)
    const { process: child } = service
    t.equal(child.exitCode, null)
    t.match(service.said().out, '"event":"connections.full"')
  },
)
