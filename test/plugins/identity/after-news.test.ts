import t from 'tap'
import { createIdentityWorld, type IdentityHost, type IdentityWorld } from '../../support/identity-host.ts'
import { until } from '../../support/until.ts'

/** Somebody whom Clerk vouches for, who is known by another upstream, too. */
async function createAda(t: Parameters<typeof createIdentityWorld>[0]) {
  const world = await createIdentityWorld(t)
  const hosts = [await world.start(), await world.start()]
  const [host] = hosts as [IdentityHost, IdentityHost]
  const [member] = world.clerk.memberships.list()
  const person = {
    userId: member?.public_user_data.user_id ?? '',
    organizationId: member?.organization.id ?? '',
  }
  await host.app.provisioner.apply([
    {
      type: 'user.upserted',
      upstream: 'airtable',
      externalId: 'recAda0000000001',
      created: true,
      fields: { email: 'ada@example.com', status: 'active' },
      stamp: { at: 1, event: 'evt_1' },
    },
  ])
  world.clerk.users.put({ id: person.userId, last_name: 'Byron' })
  await tell(world, host)
  return { world, hosts, host, person, mint: () => world.clerk.sessionToken(person) }
}

/** Posts what Clerk has said since the last time. */
async function tell({ clerk }: IdentityWorld, host: IdentityHost): Promise<void> {
  for (const { headers, body } of clerk.messages())
    await host.app.inject({
      method: 'POST',
      url: '/api/sync/clerk',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    })
}

async function statusSoon(status: number, ask: () => Promise<{ statusCode: number }>): Promise<number> {
  await until(async () => (await ask()).statusCode === status)
  return status
}

t.test('an account that was deleted or banned signs in nobody, though the person lives on', async (t) => {
  const { world, hosts, host, person, mint } = await createAda(t)
  const token = await mint()
  for (const one of hosts) t.equal((await one.get('/admin', token)).statusCode, 200)

  world.clerk.users.put({ id: person.userId, banned: true })
  await tell(world, host)
  for (const one of hosts) t.equal(await statusSoon(403, () => one.get('/admin', token)), 403)
  world.clerk.users.put({ id: person.userId, banned: false })
  await tell(world, host)
  for (const one of hosts) t.equal(await statusSoon(200, () => one.get('/admin', token)), 200)

  world.clerk.users.remove(person.userId)
  await tell(world, host)
  for (const one of hosts) t.equal(await statusSoon(401, () => one.get('/admin', token)), 401)
  t.equal((await host.get('/who', await mint())).statusCode, 401)
  t.match(
    await world.sql`
      select u.status, count(m.upstream) filter (where m.active)::int as memberships
      from firstlogin.users u left join firstlogin.memberships m on m.user_id = u.id
      where u.email = 'ada@example.com' group by u.status`,
    { 0: { status: 'active', memberships: 0 } },
  )
})

t.test('an account that has become somebody else’s is theirs at once, on every instance', async (t) => {
  const { hosts, host, person, mint } = await createAda(t)
  const token = await mint()
  const whoIs = async (one: IdentityHost) => (await one.get('/who', token)).json<{ userId: string }>().userId
  const [before] = await Promise.all(hosts.map(whoIs))
  await host.app.provisioner.apply([
    {
      type: 'user.upserted',
      upstream: 'airtable',
      externalId: 'recBob0000000001',
      created: true,
      fields: { email: 'bob@example.com' },
      stamp: { at: 1, event: 'evt_2' },
    },
    {
      type: 'user.upserted',
      upstream: 'clerk',
      externalId: person.userId,
      created: false,
      isAccount: true,
      fields: { email: 'bob@example.com' },
      stamp: { at: Date.now() + 1000, event: 'evt_3' },
    },
  ])
  for (const one of hosts) {
    await until(async () => (await whoIs(one)) !== before)
    t.not(await whoIs(one), before)
  }
})

t.test('who is shut out by one upstream is not let in by news of another', async (t) => {
  const { world, host, person, mint } = await createAda(t)
  await host.app.provisioner.apply([
    {
      type: 'user.upserted',
      upstream: 'airtable',
      externalId: 'recAda0000000001',
      created: false,
      fields: { status: 'disabled' },
      stamp: { at: Date.now(), event: 'evt_4' },
    },
  ])
  t.equal((await host.get('/who', await mint())).statusCode, 403)
  world.clerk.users.put({ id: person.userId, first_name: 'Augusta' })
  await tell(world, host)
  t.equal((await host.get('/who', await mint())).statusCode, 403)
})

t.test('a key that cannot be used refuses a token, and is no failure of ours', async (t) => {
  const { world, host, person } = await createAda(t)
  t.equal((await host.get('/who', await world.clerk.sessionToken(person))).statusCode, 200)
  await world.sql`
    update firstlogin.issuer_keys set key_set = jsonb_set(key_set, '{keys,0,n}', '"AQAB"'), fetched_at = now()`
  const fresh = await world.start()
  const token = await world.clerk.sessionToken(person)
  t.equal((await fresh.get('/who', token)).statusCode, 401)
  t.equal((await host.get('/who', token)).statusCode, 200)
})
