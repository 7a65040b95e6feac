import t from 'tap'
import { runCommand } from '../support/commands.ts'
import { createWorld } from '../support/service.ts'

t.test('firstlogin unlock lets an account log in again, and says how many failures there were', async (t) => {
  const world = await createWorld(t)
  const { login } = await world.start({ READTHROUGH_DEADLINE_MS: '60000' })
  const run = async (...args: string[]) => {
    const { code, lines, errors = [] } = await runCommand(world, ['unlock', ...args])
    return [code, ...lines, ...errors]
  }
  const statusOf = async (password: string) => (await login('ada@example.com', password)).statusCode
  for (let i = 0; i < 10; i += 1) t.equal(await statusOf('wrong'), 401)
  t.equal(await statusOf('analytical-engine'), 429)
  t.same(await run(' ADA@example.com'), [
    0,
    'ada@example.com can log in again: 10 failed logins are forgotten.',
  ])
  t.equal(await statusOf('analytical-engine'), 200)

  t.same(await run('ada@example.com'), [0, 'ada@example.com was not locked: no failed logins are stored.'])
  t.same(await run('unknown@example.com'), [
    1,
    'PostgreSQL does not know unknown@example.com, and no failed logins are stored.',
  ])
  for (const args of [[], ['ada'], ['ada@example.com', 'grace@example.com']]) t.same(await run(...args), [2])
})
