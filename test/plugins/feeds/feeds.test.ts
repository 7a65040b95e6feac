import t from 'tap'
import { listenForPings, runCommand } from '../../support/feeds.ts'
import { untilTrue } from '../../support/process.ts'
import { createWorld } from '../../support/service.ts'

t.test(
  'what is edited in Airtable is here a moment later, and who is deleted there is deleted here',
  async (t) => {
    const world = await createWorld(t)
    const { env, service } = await listenForPings(world)
    t.same(await runCommand(world, ['subscribe'], env), {
      code: 0,
      lines: [`airtable: subscribed; news are announced at ${env.BASE_URL}/api/sync/airtable/notifications`],
    })
    world.airtable.records.put('recPushedPerson01', { Email: 'mary@example.com', Name: 'Mary' })
    const status = async () =>
      (await world.sql`select status from firstlogin.users where email_canonical = 'mary@example.com'`)[0]?.[
        'status'
      ]
    t.ok(await untilTrue(async () => (await status()) === 'active'))
    world.airtable.records.put('recPushedPerson01', { Status: 'Disabled' })
    t.ok(await untilTrue(async () => (await status()) === 'disabled'))
    world.airtable.records.remove('recPushedPerson01')
    t.ok(await untilTrue(async () => (await status()) === 'deleted'))
    t.notOk(service.log.some(({ event }) => event === 'feed.failed'))
    t.same((await runCommand(world, ['subscribe', 'off'], env)).lines, ['airtable: unsubscribed'])
    t.same(world.airtable.webhooks.list(), [])
  },
)
