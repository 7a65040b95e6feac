import t from 'tap'
import { createWorld } from '../support/service.ts'

t.test('POST /api/auth/login lets every person of the sandbox in at the first try', async (t) => {
  const { start, airtable } = await createWorld(t)
  const { login, log } = await start()
  const reply = await login('ada@example.com', 'analytical-engine')
  console.error(reply.statusCode, reply.body)
  const r2 = await login('ada@example.com', 'analytical-engine')
  console.error(r2.statusCode, airtable.calls())
  t.equal(reply.statusCode, 200)
  console.error(log)
})
