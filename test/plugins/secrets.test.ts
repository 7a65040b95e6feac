import t from 'tap'
import { findFeed, saveFeed } from '../../db/feeds.ts'
import { createKeyRing } from '../../domain/sealing.ts'
import { toStored, toSubscription } from '../../plugins/feeds/sealed-subscriptions.ts'
import { createClient } from '../routes/auth/client.ts'
import { runCommand } from '../support/commands.ts'
import { createRolling } from '../support/rolling.ts'
import { createWorld, secret as old, type World } from '../support/service.ts'

const fresh = 'a newer secret for tests of at least 32 bytes'
const wrong = 'quite another secret of 32 bytes or more'
const READTHROUGH_DEADLINE_MS = '60000'

async function run(
  world: World,
  name: 'secret' | 'keys' | 'subscribe',
  args: string[],
  ...secrets: string[]
) {
  const env = { FIRSTLOGIN_SECRET: secrets.join(',') }
  const { code, lines, errors = [] } = await runCommand(world, [name, ...args], env)
  return `${code} ${[...lines, ...errors].join(' ')}`
}

const readAll = (world: World) => world.sql`
  select kid as id, state, encode(sealed_private_key, 'hex') as sealed from firstlogin.signing_keys
  union all select upstream, 'feed', encode(sealed_subscription, 'hex') from firstlogin.feeds order by id`

const subscription = { id: 'achSubscription01', secret: 'c2VjcmV0', cursor: 1 }

t.test('FIRSTLOGIN_SECRET is rotated while requests run, and none of them fails', async (t) => {
  const world = await createWorld(t)
  const start = (...secrets: string[]) =>
    world.start({ FIRSTLOGIN_SECRET: secrets.join(','), READTHROUGH_DEADLINE_MS })
  const first = await start(old)
  await saveFeed(world.sql, 'airtable', toStored(createKeyRing(old, 'feeds'), 'airtable', subscription))
  const logins = await Promise.all([1, 2, 3].map(() => first.login('ada@example.com', 'analytical-engine')))
  const rolling = createRolling(first.app)
  const failures: string[] = []
  let isDone = false

  /** Every token is used twice, on whichever instances: the second time within the grace. */
  async function visit(refreshToken: string): Promise<void> {
    for (let token = refreshToken; !isDone; ) {
      const presented = token
      const next = await rolling.use((app) => createClient(app).refresh(presented))
      const again = await rolling.use((app) => createClient(app).refresh(presented))
      const me = await rolling.use((app) => createClient(app).me(next.json().accessToken))
      for (const { statusCode, body } of [next, again, me])
        if (statusCode !== 200) failures.push(`${statusCode} ${body}`)
      token = again.json().refreshToken ?? ''
    }
  }
  const visits = Promise.all(logins.map((login) => visit(login.json().refreshToken)))
  await rolling.go(10)
  await rolling.replace((await start(old, fresh)).app)
  await rolling.replace((await start(fresh, old)).app)
  t.match(
    await run(world, 'secret', ['rotate'], fresh, old),
    '0 Encrypted under the first secret now: 2 signing keys, 1 subscription. Before: 0 signing keys, 0 subscriptions.',
  )
  await rolling.go(10)
  await rolling.replace((await start(fresh)).app)
  isDone = true
  await visits
  t.same(failures, [])

  const stored = await findFeed(world.sql, 'airtable')
  t.same(stored && toSubscription(createKeyRing(fresh, 'feeds'), 'airtable', stored), subscription)
  await t.rejects(world.start({ FIRSTLOGIN_SECRET: old }), { message: /FIRSTLOGIN_SECRET is not the one/ })
})

t.test('`secret rotate` may run again, and changes nothing then', async (t) => {
  const world = await createWorld(t)
  await run(world, 'keys', ['rotate'], old)
  await run(world, 'secret', ['rotate'], fresh, old)
  const before = await readAll(world)
  t.match(
    await run(world, 'secret', ['rotate'], fresh, old),
    '0 Encrypted under the first secret now: 0 signing keys, 0 subscriptions. Before: 3 signing keys, 0 subscriptions.',
  )
  t.same(await readAll(world), before)
  t.match(await run(world, 'secret', [], fresh, old), '2 ')
  t.match(await run(world, 'secret', ['rotate', 'now'], fresh, old), '2 ')
})

t.test('a retired signing key that no secret opens any more is left as it is', async (t) => {
  const world = await createWorld(t)
  await run(world, 'keys', ['rotate'], old)
  await world.sql`
    insert into firstlogin.signing_keys (kid, state, public_jwk, sealed_private_key)
    values ('lost', 'retired', '{}', ${Buffer.alloc(60)})`
  t.match(
    await run(world, 'secret', ['rotate'], fresh, old),
    /^0 Encrypted .*: 3 signing keys, .* Left as they are, .*: 1 signing key, 0 subscriptions\.$/,
  )
})

t.test('a wrong secret is refused before anything is written', async (t) => {
  const world = await createWorld(t)
  await run(world, 'keys', ['rotate'], old)
  await saveFeed(world.sql, 'airtable', toStored(createKeyRing(old, 'feeds'), 'airtable', subscription))
  const before = await readAll(world)
  const refusal = { message: /FIRSTLOGIN_SECRET/ }
  await t.rejects(run(world, 'keys', ['rotate'], wrong), refusal, 'keys rotate')
  await t.rejects(run(world, 'secret', ['rotate'], wrong), refusal, 'secret rotate')
  await t.rejects(run(world, 'secret', ['rotate'], fresh, wrong), refusal, 'with a list')
  await t.rejects(run(world, 'subscribe', [], wrong), refusal, 'subscribe')
  t.same(await readAll(world), before)
  t.same(world.airtable.webhooks.list(), [], 'nor is anything made upstream')

  await world.sql`delete from firstlogin.signing_keys where state = 'next'`
  const some = await readAll(world)
  await t.rejects(world.start({ FIRSTLOGIN_SECRET: wrong }), refusal, 'start')
  t.same(await readAll(world), some, 'an empty place is not filled')
  const error = await run(world, 'secret', ['rotate'], wrong).catch((thrown: Error) => thrown)
  t.notMatch(JSON.stringify(error, Object.getOwnPropertyNames(error)), new RegExp(`${wrong}|${old}`))
})
