import t from 'tap'
import { untilTrue } from '../../support/process.ts'
import { startWalker } from '../reconcile/walker.ts'
import { openSubscribed } from './subscribed.ts'

t.jobs = 2

const email = 'ada@example.com'

t.test(
  'of several records with one address, told together or one after the other, nobody is guessed',
  { buffered: true },
  async (t) => {
    const { world, service, untilStatus, statusOf } = await openSubscribed(t, { records: [] })
    const { airtable, sql } = world
    const ambiguous = () =>
      service.log.flatMap(({ event, ...line }) => (event === 'feed.ambiguous' ? line['records'] : []))
    // The listing of the beginning would have the first here before it is read, and both be read together.
    t.ok(await untilTrue(() => service.log.some(({ event }) => event === 'reconcile.finished')))
    airtable.records.put('recFirst000000001', { Email: email, Name: 'Ada', Role: 'Member' })
    t.ok(await untilStatus(email, 'active'))
    airtable.records.put('recSecond00000001', { Email: 'ADA@example.com', Name: 'Twin', Role: 'Owner' })
    t.ok(await untilTrue(() => ambiguous().length === 1))
    airtable.records.put('recTogether000001', { Email: 'twin@example.com' })
    airtable.records.put('recTogether000002', { Email: 'twin@example.com' })
    t.ok(await untilTrue(() => ambiguous().length === 3))
    t.same(ambiguous(), ['recSecond00000001', 'recTogether000001', 'recTogether000002'])
    t.equal(await statusOf('twin@example.com'), undefined)
    t.match(await sql`select name, role from firstlogin.users`, [{ name: 'Ada', role: 'member' }])

    const [before] = await sql`select id from firstlogin.users`
    airtable.records.remove('recFirst000000001')
    const [name, id] = [
      async () => (await sql`select name from firstlogin.users`)[0]?.['name'],
      before?.['id'],
    ]
    t.ok(await untilTrue(async () => (await name()) === 'Twin'), 'the second one takes over')
    t.match(await sql`select id, status from firstlogin.users`, [{ id, status: 'active' }])
  },
)

t.test(
  'a deleted record of somebody whom another upstream has is not listed, not missed, and nobody’s twin',
  { buffered: true },
  async (t) => {
    const { world, service, untilStatus } = await openSubscribed(t, { records: [] })
    const { airtable, sql } = world
    const { app, walk } = await startWalker(t, world)
    const compare = () => walk({ turnMs: 20_000 })
    airtable.records.put('recDeleted0000001', { Email: email, Name: 'Old' })
    t.ok(await untilStatus(email, 'active'))
    const stamp = { at: Date.now() - 60_000, event: 'clerk' }
    const fields = { email, name: 'Ada', status: 'active' } as const
    await app.provisioner.apply([
      { type: 'user.upserted', upstream: 'clerk', externalId: 'user_1', created: true, fields, stamp },
    ])
    airtable.records.remove('recDeleted0000001')
    t.ok(await untilTrue(() => service.log.some(({ path }) => path === 'tombstoned')))
    t.match(await sql`select status from firstlogin.users`, [{ status: 'active' }], 'Clerk has them still')
    t.match(await compare(), { known: 0, seen: 0, vanished: [], isRefused: false })

    airtable.records.put('recComesAgain0001', { Email: email, Name: 'New' })
    const nameOf = async () => (await sql`select name from firstlogin.users`)[0]?.['name'] as string
    t.ok(await untilTrue(async () => (await nameOf()) === 'New'))
    t.notOk(service.log.some(({ event }) => event === 'feed.ambiguous'))
    t.match(await compare(), { known: 1, seen: 1, vanished: [] })
  },
)
