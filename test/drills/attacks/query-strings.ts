import type { Attack, Row } from './support/attack.ts'
import { atMost } from './support/attack.ts'

const secret = 'hunter2-of-the-drill'
const paths = [
  '/',
  '/docs',
  '/healthz',
  '/metrics',
  '/nowhere',
  '/%zz',
  '/api/auth/login',
  '/api/auth/me',
  '/api/sync/users/inbound',
]

/** Passwords that a form puts into the address are looked for in the log. */
export default {
  name: 'query-strings',
  async run({ createWorld }) {
    const target = await (await createWorld()).start({ LOG_LEVEL: 'trace' })
    let asked = 0
    for (const path of [...paths, `/api/admin/users/${'x'.repeat(200)}`]) {
      for (const method of ['GET', 'POST', 'DELETE']) {
        const headers = {
          authorization: `Bearer ${secret}`,
          cookie: `firstlogin-access=${secret}`,
          referer: `http://x/?${secret}`,
        }
        const url = `${target.url}${path}?password=${secret}&next=/?p='${secret}`
        const reply = await fetch(url, { method, headers, ...(method === 'POST' && { body: '{' }) })
        await reply.text()
        asked += 1
      }
    }
    const lines = await target.readLog()
    const leaks = lines.filter((line) => JSON.stringify(line).includes(secret)).length
    return [
      atMost(
        `log lines that hold a query string or a header, of ${lines.length} about ${asked} requests`,
        leaks,
        0,
      ),
    ] satisfies Row[]
  },
} satisfies Attack
