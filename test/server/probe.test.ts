import t from 'tap'
import { createWorld } from '../support/service.ts'
import { until } from '../support/until.ts'

t.test('a service that starts says of each upstream whether it answers', async (t) => {
  const service = await (await createWorld(t)).start()
  await service.app.listen({ port: 0 })
  await until(() =>
    service.log.some(({ event, upstream }) => event === 'upstream.ready' && upstream === 'airtable'),
  )
  t.pass('Airtable is ready')
})

t.test('a service that starts names a configured column that the table does not have', async (t) => {
  const world = await createWorld(t)
  const service = await world.start({ AIRTABLE_FIELDS: '{"email":"Email","status":"State"}' })
  await service.app.listen({ port: 0 })
  await until(() => service.log.some(({ event }) => event === 'upstream.unavailable'))
  t.match(
    service.log.find(({ event }) => event === 'airtable.failed'),
    { reason: '422 UNKNOWN_FIELD_NAME: the table has no column "State"' },
  )
  t.equal((await service.login('edsger@example.com', 'goto-considered-harmful')).statusCode, 503)
  t.equal(
    (await service.login('ada@example.com', 'analytical-engine')).statusCode,
    503,
    'no status is active',
  )
})
