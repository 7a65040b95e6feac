import t from 'tap'
import { canonicalEmail } from '../../../domain/email.ts'
import { holdCalls } from '../../support/held-calls.ts'
import { addPeople } from '../../support/people.ts'
import { startReadThrough } from '../../support/read-through.ts'
import { createWorld } from '../../support/service.ts'
import { until } from '../../support/until.ts'

t.test(
  'a hit whose last sight is too old is answered at once and re-checked behind the answer',
  async (t) => {
    const { airtable, start, sql } = await createWorld(t)
    const { login, app } = await start({ READTHROUGH_RECHECK_S: '60', READTHROUGH_DEADLINE_MS: '20000' })
    const { accessToken } = (await login('ada@example.com', 'analytical-engine')).json()
    const headers = { authorization: `Bearer ${accessToken}` }
    t.equal((await app.inject({ url: '/api/auth/me', headers })).statusCode, 200)

    const ada = airtable.records.list().find(({ fields }) => fields['Email'] === 'ada@example.com')
    airtable.records.put(ada?.id ?? '', { Status: 'Disabled' })
    await sql`update firstlogin.identities set checked_at = now() - interval '2 minutes'`
    const held = holdCalls(airtable)

    t.equal((await login('ada@example.com', 'analytical-engine')).statusCode, 200, 'without the upstream')
    await until(() => held.unanswered() === 1)
    t.equal((await app.inject({ url: '/api/auth/me', headers })).statusCode, 200)
    held.end()
    await until(async () => (await app.inject({ url: '/api/auth/me', headers })).statusCode === 401)
    t.equal((await login('ada@example.com', 'analytical-engine')).json().code, 'FL_ACCOUNT_INACTIVE')
  },
)

t.test('many people share one re-check, over all instances at most one call a minute', async (t) => {
  const world = await createWorld(t, { records: [] })
  const emails = await addPeople(world.airtable, 50)
  const first = await startReadThrough(t, world, { recheckS: 60 })
  const apps = [first, await startReadThrough(t, world, { recheckS: 60 })]
  await Promise.all(emails.map((email) => first.readThrough.byEmail(canonicalEmail(email))))
  await world.sql`update firstlogin.identities set checked_at = now() - interval '2 minutes'`
  world.airtable.resetCalls()

  const visit = () =>
    Promise.all(emails.flatMap((email) => apps.map((app) => app.readThrough.byEmail(canonicalEmail(email)))))
  await visit()
  await until(() => world.airtable.calls().total > 0)
  await visit()
  await Promise.all(apps.map((app) => app.close()))
  t.equal(world.airtable.calls().total, 1)
})

t.test('READTHROUGH_RECHECK_S=0 never looks again, and a failed re-check removes nobody', async (t) => {
  const world = await createWorld(t)
  const ada = canonicalEmail('ada@example.com')
  const never = await startReadThrough(t, world, { recheckS: 0 })
  await never.readThrough.byEmail(ada)
  const { total } = world.airtable.calls()
  await world.sql`update firstlogin.identities set checked_at = now() - interval '9 years'`
  await never.readThrough.byEmail(ada)
  await never.close()
  t.equal(world.airtable.calls().total, total)

  const sometimes = await startReadThrough(t, world, { recheckS: 60 })
  for (const record of world.airtable.records.list()) world.airtable.records.remove(record.id)
  await sometimes.readThrough.byEmail(ada)
  await until(async () => {
    const late = await world.sql`
      select from firstlogin.identities where checked_at < now() - interval '1 year'`
    return world.airtable.calls().total === total + 1 && late.length === 0
  })
  t.match(await sometimes.readThrough.byEmail(ada), { status: 'active' }, 'an empty answer is no deletion')
})
