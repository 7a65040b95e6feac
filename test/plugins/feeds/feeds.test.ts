import t from 'tap'
import { createKeyRing } from '../../../domain/sealing.ts'
import { toSubscription } from '../../../plugins/feeds/sealed-subscriptions.ts'
import { collaborator } from '../../../sandbox/airtable/collaborator.ts'
import { runCommand } from '../../support/commands.ts'
import { listenForPings } from '../../support/feeds.ts'
import { holdCalls } from '../../support/held-calls.ts'
import { untilTrue } from '../../support/process.ts'
import { createWorld, secret } from '../../support/service.ts'
import { until } from '../../support/until.ts'
import { createEyes, readingsOf } from './subscribed.ts'

t.jobs = 3

t.test(
  'what is edited in Airtable is here a moment later, and who is deleted there is deleted here',
  { buffered: true },
  async (t) => {
    const world = await createWorld(t)
    const { airtable, sql } = world
    const { untilStatus, hook } = createEyes(world)
    const { env, service } = await listenForPings(world)
    const address = `${env.BASE_URL}/api/sync/airtable/notifications`
    t.same(await runCommand(world, ['subscribe'], env), {
      code: 0,
      lines: [`airtable: subscribed; events are delivered to ${address}`],
      errors: ['airtable cannot reach that address: set BASE_URL to the public one.'],
    })
    airtable.records.put('recPushedPerson01', { Email: 'mary@example.com', Name: 'Mary' })
    t.ok(await untilStatus('mary@example.com', 'active'))
    airtable.records.put('recPushedPerson01', { Status: 'Disabled' })
    t.ok(await untilStatus('mary@example.com', 'disabled'))
    airtable.records.remove('recPushedPerson01')
    t.ok(await untilStatus('mary@example.com', 'deleted'))
    t.notOk(service.log.some(({ event }) => event === 'feed.failed'))

    const [row] = await sql`select sealed_subscription as sealed from firstlogin.feeds`
    const stored = { sealedSubscription: row?.['sealed'] as Buffer, cursor: 1 }
    const { id, secret: macSecret } = toSubscription(createKeyRing(secret, 'feeds'), 'airtable', stored)
    t.equal(id, hook().id)
    for (const clear of [id, macSecret, Buffer.from(macSecret, 'base64')])
      t.notOk(stored.sealedSubscription.includes(clear), 'nobody reads it in the database')
    t.throws(() => toSubscription(createKeyRing('x'.repeat(32), 'feeds'), 'airtable', stored), {
      message: /another FIRSTLOGIN_SECRET/,
    })
    for (const hidden of [macSecret, 'patSandbox.token', collaborator.email, 'mary@example.com'])
      t.notOk(service.logText().includes(hidden), 'nor in the log')

    t.same((await runCommand(world, ['subscribe', 'off'], env)).lines, ['airtable: unsubscribed'])
    t.same(airtable.webhooks.list(), [])
    t.same(await sql`select from firstlogin.feeds`, [])
    t.same((await runCommand(world, ['subscribe', 'off'], env)).lines, [
      'airtable: there was no subscription',
    ])
  },
)

t.test(
  'firstlogin subscribe says why it cannot, and takes the place of what was there',
  { buffered: true },
  async (t) => {
    const world = await createWorld(t, { rateLimit: false })
    const { airtable, sql } = world
    const at = (host: string) => ({ BASE_URL: `https://${host}` })
    const subscribe = (host: string) => runCommand(world, ['subscribe'], at(host))
    t.same((await subscribe('old.example.com')).lines, [
      'airtable: subscribed; events are delivered to https://old.example.com/api/sync/airtable/notifications',
    ])
    t.equal((await subscribe('new.example.com')).code, 0)
    const addresses = airtable.webhooks.list().map(({ notificationUrl }) => notificationUrl)
    t.same(addresses, ['https://new.example.com/api/sync/airtable/notifications'])
    for (const host of ['localhost', '172.20.0.1']) t.match((await subscribe(host)).errors, [/set BASE_URL/])
    t.equal((await sql`select from firstlogin.feeds`).length, 1)

    airtable.setFault({ kind: 'forbidden' })
    const refused = await subscribe('new.example.com')
    t.equal(refused.code, 1)
    t.match(refused.errors, [/webhook:manage/])
    t.equal((await runCommand(world, ['subscribe', 'on'])).code, 2)
    airtable.heal()
    t.equal((await subscribe('new.example.com')).code, 0)
  },
)

t.test(
  'a close in the middle of the news leaves the rest to the next instance',
  { buffered: true },
  async (t) => {
    const world = await createWorld(t, { rateLimit: false, pingOnCreate: false })
    const { airtable } = world
    const { row, untilStatus } = createEyes(world)
    const { env, service } = await listenForPings(world)
    await runCommand(world, ['subscribe'], env)
    t.ok(await untilTrue(() => readingsOf(service) > 0))
    const held = holdCalls(airtable)
    for (let number = 0; number < 120; number++)
      airtable.records.put(`recClosed${String(number).padStart(8, '0')}`, {
        Email: `closed${number}@example.com`,
      })
    await until(async () => {
      const isAtFirst = Number((await row())['cursor']) === 1
      if (isAtFirst && held.unanswered() > 0) held.letGo()
      return !isAtFirst
    })
    await service.app.close()
    const { cursor } = await row()
    t.ok(Number(cursor) > 1 && Number(cursor) < 121, `closed at ${String(cursor)} of 121`)
    held.end()
    await world.start(env).then(({ app }) => app.listen({ port: 0, host: '127.0.0.1' }))
    t.ok(await untilStatus('closed119@example.com', 'active'))
  },
)
