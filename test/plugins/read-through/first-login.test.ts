import t from 'tap'
import { canonicalEmail } from '../../../domain/email.ts'
import { hashPassword } from '../../../domain/password.ts'
import { addPeople, password } from '../../support/people.ts'
import { startReadThrough } from '../../support/read-through.ts'
import { createWorld } from '../../support/service.ts'

t.test('"Airtable-first user can log in immediately without waiting for background sync."', async (t) => {
  const { start, airtable, sql } = await createWorld(t)
  const service = await start()
  const [email = ''] = await addPeople(airtable, 1, 'brandnew')

  const first = await service.login(email, password)
  t.equal(first.statusCode, 200)
  t.match(first.json(), {
    tokenType: 'Bearer',
    user: { email, name: 'Person 0', status: 'active', role: 'member' },
  })
  t.equal(airtable.calls().total, 1)

  const second = await service.login(email, password)
  t.equal(second.statusCode, 200)
  t.equal(airtable.calls().total, 1, 'the second login is answered from Postgres')
  t.same(await sql`select count(*)::int from firstlogin.users`, [{ count: 1 }])

  const events = service.log.map((line) => line.event)
  t.ok(events.includes('readthrough.provisioned') && events.includes('readthrough.hit'))
  t.match(
    service.log.find((line) => line.event === 'upsert.conflict'),
    { path: 'created', upstream: 'airtable' },
  )
  const metrics = await service.app.inject('/metrics')
  t.match(metrics.body, /^auth_readthrough_attempts 1$/m)
  t.match(metrics.body, /^auth_readthrough_success 1$/m)
})

t.test('"Concurrent first-login attempts do not create duplicate Postgres user rows."', async (t) => {
  t.test('200 first logins of one person at once: 200 successes, 1 row, 1 upstream call', async (t) => {
    const { start, airtable, sql } = await createWorld(t)
    const service = await start()
    const [email = ''] = await addPeople(airtable, 1, 'crowds')
    const replies = await Promise.all(Array.from({ length: 200 }, () => service.login(email, password)))
    t.same(new Set(replies.map((reply) => reply.statusCode)), new Set([200]))
    t.equal(new Set(replies.map((reply) => reply.json().user.id)).size, 1)
    t.same(await sql`select count(*)::int from firstlogin.users`, [{ count: 1 }])
    t.equal(airtable.calls().total, 1)
  })

  t.test('the same over two instances on one database: 1 row, at most 2 calls', async (t) => {
    const { start, airtable, sql } = await createWorld(t)
    const [one, two] = await Promise.all([start(), start()])
    const [email = ''] = await addPeople(airtable, 1, 'crowds')
    // Each from a network of its own: an instance does not know of attempts that wait on another one.
    const replies = await Promise.all(
      Array.from({ length: 80 }, (_, index) =>
        (index % 2 === 0 ? one : two).login(email, password, {}, `10.0.${index}.1`),
      ),
    )
    t.same(new Set(replies.map((reply) => reply.statusCode)), new Set([200]))
    t.same(await sql`select count(*)::int from firstlogin.users`, [{ count: 1 }])
    t.ok(airtable.calls().total <= 2, `${airtable.calls().total} calls`)
  })
})

t.test('1,000 people looked up at once are found with no 429 and at most 15 calls', async (t) => {
  const world = await createWorld(t, { records: [] })
  const app = await startReadThrough(t, world, { deadlineMs: 60_000 })
  const emails = await addPeople(world.airtable, 1000)
  const found = await Promise.all(emails.map((email) => app.readThrough.byEmail(canonicalEmail(email))))

  t.same(
    found.map((user) => user?.email),
    emails,
  )
  const { total, calls } = world.airtable.calls()
  t.ok(total <= 15, `${total} calls`)
  t.notOk(calls.some(({ status }) => status === 429))
  t.same(await world.sql`select count(*)::int from firstlogin.users`, [{ count: 1000 }])
})

t.test('"Existing Postgres-only auth behavior remains unchanged."', async (t) => {
  const { start, airtable, sql } = await createWorld(t)
  const { login, app } = await start()
  await sql`
    insert into firstlogin.users (id, email, email_canonical, status, role, password_hash)
    select gen_random_uuid(), 'Local@Example.com', 'local@example.com', 'active', 'owner', ${await hashPassword('only here')}`
  const reply = await login('local@example.com', 'only here')
  t.equal(reply.statusCode, 200)
  t.match(reply.json().user, { email: 'Local@Example.com', role: 'owner' })
  const headers = { authorization: `Bearer ${reply.json().accessToken}` }
  t.equal((await app.inject({ url: '/api/auth/me', headers })).statusCode, 200)
  const refreshed = await app.inject({
    method: 'POST',
    url: '/api/auth/refresh',
    payload: { refreshToken: reply.json().refreshToken },
  })
  t.equal(refreshed.statusCode, 200)
  t.equal(airtable.calls().total, 0, 'nobody upstream was asked')
})
