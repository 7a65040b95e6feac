import t from 'tap'
import { canonicalEmail } from '../../../domain/email.ts'
import { holdCalls } from '../../support/held-calls.ts'
import { addPeople, password } from '../../support/people.ts'
import { startReadThrough } from '../../support/read-through.ts'
import { createWorld } from '../../support/service.ts'
import { until } from '../../support/until.ts'

t.test('an address that nobody knows is asked for once in READTHROUGH_NEGATIVE_TTL_S', async (t) => {
  const world = await createWorld(t)
  const long = await startReadThrough(t, world, { negativeTtlS: 3600 })
  const nobody = canonicalEmail('nobody@example.com')
  for (let i = 0; i < 5; i += 1) t.equal(await long.readThrough.byEmail(nobody), undefined)
  t.equal(world.airtable.calls().total, 1)
  const short = await startReadThrough(t, world, { negativeTtlS: 1 })
  await short.readThrough.byEmail(nobody)
  t.equal(world.airtable.calls().total, 2)
  await until(async () => {
    await short.readThrough.byEmail(nobody)
    return world.airtable.calls().total === 3
  })
})

t.test('a newcomer whose password nobody knows costs one call, also if nothing is remembered', async (t) => {
  const world = await createWorld(t)
  const { login } = await world.start({ READTHROUGH_NEGATIVE_TTL_S: '0' })
  t.equal((await login('alan@example.com', 'any')).statusCode, 401)
  t.equal(world.airtable.calls().total, 1)
})

t.test('a burst of unknown addresses costs few calls and nobody a 429', async (t) => {
  const world = await createWorld(t)
  const app = await startReadThrough(t, world, { deadlineMs: 5000 })
  const found = await Promise.all(
    Array.from({ length: 500 }, (_, i) => app.readThrough.byEmail(canonicalEmail(`spray${i}@example.com`))),
  )
  t.ok(found.every((user) => user === undefined))
  const { total, peakPerSecond, calls } = world.airtable.calls()
  t.ok(total <= 7, `${total} calls`)
  t.ok(peakPerSecond <= 5, `${peakPerSecond} in one second`)
  t.notOk(calls.some(({ status }) => status === 429))
})

t.test(
  'the answer never takes longer than READTHROUGH_DEADLINE_MS; what arrives later is still written',
  async (t) => {
    const { airtable, sql, start } = await createWorld(t)
    const { login } = await start({ READTHROUGH_DEADLINE_MS: '400' })
    const [email = ''] = await addPeople(airtable, 1, 'slowly')
    const held = holdCalls(airtable)
    const reply = await login(email, password)
    t.equal(reply.statusCode, 503)
    t.equal(reply.json().code, 'FL_UPSTREAM_UNAVAILABLE')
    t.ok(Number(reply.headers['retry-after']) >= 1)
    await until(() => held.unanswered() === 1)
    held.end()
    await until(async () => (await sql`select from firstlogin.users`).length === 1)
    t.equal((await login(email, password)).statusCode, 200, 'the next try succeeds')
    t.equal(airtable.calls().total, 1, 'without another call')
  },
)

t.test('USER_READTHROUGH_FALLBACK_ENABLED=false leaves the upstream alone', async (t) => {
  const { airtable, start } = await createWorld(t)
  const { login } = await start({ USER_READTHROUGH_FALLBACK_ENABLED: 'false' })
  const reply = await login('ada@example.com', 'analytical-engine')
  t.equal(reply.statusCode, 401)
  t.equal(reply.json().code, 'FL_CREDENTIALS_INVALID')
  t.equal(airtable.calls().total, 0)
})

t.test('two records for one address: nobody is guessed, and the log names the records', async (t) => {
  const world = await createWorld(t)
  const service = await world.start()
  t.equal((await service.login('Twin@Example.com', 'two-of-a-kind')).statusCode, 401)
  t.same(await world.sql`select * from firstlogin.users`, [])
  const line = service.log.find(({ event }) => event === 'readthrough.ambiguous')
  t.match(line, { records: [/^airtable:rec/, /^airtable:rec/] })
})

t.test('a wrong password of somebody whom Postgres knows makes no upstream call', async (t) => {
  const world = await createWorld(t)
  const { login } = await world.start()
  await login('ada@example.com', 'analytical-engine')
  const { total } = world.airtable.calls()
  for (let i = 0; i < 3; i += 1) t.equal((await login('ada@example.com', `wrong ${i}`)).statusCode, 401)
  t.equal(world.airtable.calls().total, total)
})

t.test(
  'after an outage nobody is told of it again: known or not, a wrong password is a wrong password',
  async (t) => {
    const world = await createWorld(t)
    const { login } = await world.start()
    await login('ada@example.com', 'analytical-engine')
    await login('grace@example.com', 'nanoseconds-matter')
    world.airtable.setFault({ kind: 'error_500' })
    for (let i = 0; i < 3; i += 1) await login(`stranger${i}@example.com`, 'x')
    world.airtable.heal()
    await until(async () => (await login(`healed${Math.random()}@example.com`, 'x')).statusCode === 401)
    for (const email of ['ada', 'grace', 'edsger', 'alan', 'somebody', 'else'])
      t.equal((await login(`${email}@example.com`, 'wrong')).statusCode, 401, email)
  },
)

t.test('a crowd of strangers does not keep the next newcomer waiting once it is gone', async (t) => {
  const world = await createWorld(t)
  const app = await startReadThrough(t, world, { deadlineMs: 3000 })
  const crowd = Array.from({ length: 3000 }, (_, i) => app.readThrough.byEmail(`crowd${i}@example.com`))
  await Promise.allSettled(crowd)
  const { total } = world.airtable.calls()
  const found = await until(() => app.readThrough.byEmail('ada@example.com').catch(() => undefined))
  t.match(found, { email: 'ada@example.com' })
  t.ok(world.airtable.calls().total - total <= 2, 'no more calls for those who have gone')
})
