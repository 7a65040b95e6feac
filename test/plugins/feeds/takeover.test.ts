import t from 'tap'
import { findPort } from '../../../sandbox/postgres/port.ts'
import { findProgram } from '../../support/built.ts'
import { runCommand } from '../../support/commands.ts'
import { makeWorkplace, run, untilTrue } from '../../support/process.ts'
import { createWorld } from '../../support/service.ts'
import { createEyes, readingsOf } from './subscribed.ts'

t.test('when the worker is killed another instance takes over', async (t) => {
  const program = await findProgram()
  const world = await createWorld(t, { rateLimit: false, pingOnCreate: false })
  const { untilStatus } = createEyes(world)
  const port = await findPort(0)
  const env = { BASE_URL: `http://127.0.0.1:${port}` }
  const killed = run(t, program, {
    cwd: await makeWorkplace(t),
    env: { ...world.env(env), NODE_ENV: 'production', PORT: '0' },
  })
  await killed.ready
  await runCommand(world, ['subscribe'], env)
  t.ok(await untilTrue(() => killed.said().out.includes('feed.read')))
  const other = await world.start(env)
  await other.app.listen({ port, host: '127.0.0.1' })

  killed.process.kill('SIGKILL')
  t.equal(await killed.ended, 'SIGKILL')
  world.airtable.records.put('recOrphaned000001', { Email: 'orphaned@example.com' })
  t.ok(await untilStatus('orphaned@example.com', 'active'))
  t.equal(readingsOf(other), 1)
})
