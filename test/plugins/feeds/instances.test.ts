import t from 'tap'
import { findPort } from '../../../sandbox/postgres/port.ts'
import { runCommand } from '../../support/commands.ts'
import { untilTrue } from '../../support/process.ts'
import { createWorld } from '../../support/service.ts'
import { until } from '../../support/until.ts'
import { createEyes, readingsOf } from './subscribed.ts'

const host = '127.0.0.1'

t.test('of two instances one reads each change, whoever takes the ping, and the other follows', async (t) => {
  const world = await createWorld(t, { rateLimit: false, timePrecisionMs: 1, pingOnCreate: false })
  const { airtable } = world
  const { calls, row, statusOf } = createEyes(world)
  const port = await findPort(0)
  const env = { BASE_URL: `http://${host}:${port}` }
  const [worker, pinged] = [await world.start(env), await world.start(env)]
  await worker.app.listen({ port: 0, host })
  await runCommand(world, ['subscribe'], env)
  t.ok(await untilTrue(() => readingsOf(worker) > 0))
  await pinged.app.listen({ port, host })
  const lines = () => [worker, pinged].flatMap(({ log }) => log)
  const cursor = async () => (await row())['cursor'] as number
  t.ok(await untilTrue(() => lines().some(({ event }) => event === 'reconcile.finished')))

  async function edit(round: string) {
    const people = Array.from({ length: 10 }, (_, number) => ({
      id: `rec${round}0000000000${number}`,
      email: `${round}${number}@example.com`,
    }))
    airtable.resetCalls()
    const before = { cursor: await cursor(), readings: readingsOf(worker, pinged) }
    for (const [index, { id, email }] of people.entries()) {
      airtable.records.put(id, { Email: email })
      await until(async () => (await cursor()) === before.cursor + index + 1)
    }
    await airtable.webhooks.settled()
    await until(() => readingsOf(worker, pinged) - before.readings === calls('/payloads'))
    for (const { id, email } of people) {
      t.equal(await statusOf(email), 'active')
      const created = lines().filter((line) => line['path'] === 'created' && line['externalId'] === id)
      t.equal(created.length, 1)
    }
    const readings = readingsOf(worker, pinged) - before.readings
    t.equal(readings, calls('/payloads'), 'no page is read twice')
    t.ok(readings <= 10, `${readings} readings of ten changes`)
  }

  await edit('one')
  t.equal(readingsOf(pinged), 0)
  await worker.app.close()
  const before = readingsOf(worker)
  const [feed] = await world.sql`select worker_until <= now() as "isFree" from firstlogin.feeds`
  t.same(feed, { isFree: true }, 'its lease was given back')
  await edit('two')
  t.equal(readingsOf(worker), before)
})
