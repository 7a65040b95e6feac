// better-auth as its documentation sets it up on Node: its own migrations, PostgreSQL through a pg pool.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type BetterAuthOptions, betterAuth } from 'better-auth'
import { getMigrations } from 'better-auth/db/migration'
import { toNodeHandler } from 'better-auth/node'
import { Pool } from 'pg'
import { tellReady } from '../child.ts'
import { password, people } from '../people.ts'

const server = createServer()
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

const options = {
  baseURL: url,
  secret: 'a secret for measurements of 32 bytes or more',
  database: new Pool({ connectionString: process.env['DATABASE_URL'] ?? '' }),
  emailAndPassword: { enabled: true },
  // All load comes from one address.
  rateLimit: { enabled: false },
} satisfies BetterAuthOptions
const { runMigrations } = await getMigrations(options)
await runMigrations()
const auth = betterAuth(options)
for (let first = 0; first < people.length; first += 4) {
  const few = people.slice(first, first + 4)
  await Promise.all(few.map(({ email, name }) => auth.api.signUpEmail({ body: { email, name, password } })))
}
const handle = toNodeHandler(auth)
server.on('request', (request, response) => void handle(request, response))
tellReady(url)
