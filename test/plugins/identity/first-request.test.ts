import t from 'tap'
import { createIdentityWorld, type IdentityWorld } from '../../support/identity-host.ts'
import { until } from '../../support/until.ts'

async function counts({ sql }: IdentityWorld): Promise<Record<string, number>> {
  const [row] = await sql<Record<string, number>[]>`
    select (select count(*)::int from firstlogin.users where status <> 'deleted') as users,
      (select count(*)::int from firstlogin.organizations) as organizations,
      (select count(*)::int from firstlogin.memberships where active) as memberships`
  return row ?? {}
}

const one = { users: 1, organizations: 1, memberships: 1 }

/** Somebody of each vendor's, and a token of theirs. */
async function createTokens(world: IdentityWorld) {
  const [member] = world.clerk.memberships.list()
  const userId = member?.public_user_data.user_id ?? ''
  const organizationId = member?.organization.id ?? ''
  const [user] = [...world.frontegg.users.list()]
  const [membership] = world.frontegg.memberships.of(user?.id ?? '')
  return {
    clerkV1: () => world.clerk.sessionToken({ userId, organizationId, version: 1 }),
    clerkV2: () => world.clerk.sessionToken({ userId, organizationId, version: 2 }),
    frontegg: async () =>
      world.frontegg.accessToken({ userId: user?.id ?? '', tenantId: membership?.tenantId ?? '' }),
  }
}

t.test(
  'the first request of a stranger has their user, organization and membership, of one writing',
  async (t) => {
    for (const kind of ['clerkV1', 'clerkV2', 'frontegg'] as const) {
      const world = await createIdentityWorld(t)
      const host = await world.start()
      const tokens = await createTokens(world)

      const first = await host.get('/rows', await tokens[kind]())
      t.equal(first.statusCode, 200, kind)
      const { user, organization, membership } = first.json<Record<string, Record<string, unknown>>>()
      t.match(user, { status: 'active', id: /^[0-9a-f-]{36}$/ })
      t.match(organization, { slug: /^[a-z0-9-]{8,}$/, bucket: `org-${String(organization?.['slug'])}` })
      t.match(membership, { role: 'admin', roleMapped: true })
      t.same(await counts(world), one)
      const ids = await host.get('/ids', await tokens[kind]())
      t.same(ids.json(), [user?.['id'], organization?.['id']])
    }
  },
)

t.test('100 first requests at once, over two instances, make exactly one of each', async (t) => {
  for (const kind of ['clerkV2', 'frontegg'] as const) {
    const world = await createIdentityWorld(t)
    const hosts = [await world.start(), await world.start()]
    const tokens = await createTokens(world)
    // Several tokens, as of several tabs, and each of them many times.
    const some = await Promise.all(Array.from({ length: 10 }, () => tokens[kind]()))

    const answers = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => hosts[index % 2]?.get('/ids', some[index % 10] ?? '')),
    )
    t.same(new Set(answers.map((answer) => answer?.statusCode)), new Set([200]), kind)
    t.equal(new Set(answers.map((answer) => answer?.body)).size, 1)
    t.same(await counts(world), one)
  }
})

t.test(
  'later requests write nothing, whichever token they bring, and move the last login once a minute',
  async (t) => {
    const world = await createIdentityWorld(t)
    const host = await world.start()
    const tokens = await createTokens(world)
    const read = () => world.sql`
    select u.xmin::text as "user", i.xmin::text as identity, o.xmin::text as organization, m.xmin::text as membership,
      u.last_login_at is not null as "hasLoggedIn"
    from firstlogin.users u join firstlogin.identities i on i.user_id = u.id,
      firstlogin.organizations o, firstlogin.memberships m`
    await host.get('/ids', await tokens.clerkV2())
    // The names that the token lacks come behind the answer.
    await until(async () => {
      const [row] = await world.sql`
      select from firstlogin.users u, firstlogin.organizations o
      where u.email = 'ada@example.com' and o.name = 'Analytical Engines' and u.last_login_at is not null`
      return row !== undefined
    })
    const before = await read()
    t.match(before, [{ hasLoggedIn: true }])

    world.clerk.resetCalls()
    for (let i = 0; i < 5; i++) {
      t.equal((await host.get('/ids', await tokens.clerkV2())).statusCode, 200)
      t.equal((await host.get('/ids', await tokens.clerkV1())).statusCode, 200)
    }
    t.same(await read(), before)
    t.equal(world.clerk.calls().total, 0, 'nobody is asked')

    await world.sql`update firstlogin.users set last_login_at = now() - interval '61 seconds'`
    await host.get('/ids', await tokens.clerkV1())
    await until(async () => {
      const [row] =
        await world.sql`select from firstlogin.users where last_login_at > now() - interval '10 seconds'`
      return row !== undefined
    })
  },
)

t.test('somebody without an organization is somebody; what needs one says so', async (t) => {
  const world = await createIdentityWorld(t)
  const host = await world.start()
  const [user] = world.clerk.users.list()
  const token = await world.clerk.sessionToken({ userId: user?.id ?? '' })
  const who = await host.get('/who', token)
  t.match(who.json(), { organizationId: null, organization: null, membership: null, upstream: 'clerk' })
  const refused = await host.get('/ids', token)
  t.equal(refused.statusCode, 403)
  t.match(refused.json(), { code: 'FL_ORGANIZATION_MISSING' })
})

t.test(
  'requireRole lets in who has the role or a stronger one, in the organization of the token',
  async (t) => {
    const world = await createIdentityWorld(t)
    const host = await world.start()
    const roles = world.clerk.memberships.list().map(({ role, organization, public_user_data }) => ({
      role,
      organizationId: organization.id,
      userId: public_user_data.user_id,
    }))
    for (const { role, organizationId, userId } of roles) {
      const answer = await host.get('/admin', await world.clerk.sessionToken({ userId, organizationId }))
      t.equal(answer.statusCode, role === 'org:admin' ? 200 : 403, role)
      if (role !== 'org:admin') t.match(answer.json(), { code: 'FL_ROLE_MISSING' })
    }
    t.ok(roles.some(({ role }) => role !== 'org:admin'))
  },
)

t.test('requireRole asks for the own role of a user who acts in no organization', async (t) => {
  const world = await createIdentityWorld(t)
  const [member] = world.clerk.memberships.list()
  const token = await world.clerk.sessionToken({ userId: member?.public_user_data.user_id ?? '' })
  const first = await world.start()
  t.match((await first.get('/admin', token)).json(), { code: 'FL_ROLE_MISSING' })
  await world.sql`update firstlogin.users set role = 'admin'`
  const second = await world.start()
  t.equal((await second.get('/admin', token)).statusCode, 200)
})

t.test(
  'a newer token changes the role, an older one does not; a deletion ends the membership at once',
  async (t) => {
    const world = await createIdentityWorld(t)
    const host = await world.start()
    const [member] = world.clerk.memberships.list()
    const userId = member?.public_user_data.user_id ?? ''
    const organizationId = member?.organization.id ?? ''
    const now = Math.floor(Date.now() / 1000)
    const tokenOf = (role: string, iat: number) =>
      world.clerk.sessionToken({
        userId,
        organizationId,
        claims: { iat, exp: now + 60, o: { id: organizationId, slg: 'x', rol: role } },
      })
    const roleAfter = async (token: string) =>
      (await host.get('/rows', token)).json<{ membership: { role: string } }>().membership.role

    t.equal(await roleAfter(await tokenOf('member', now - 20)), 'member')
    t.equal(await roleAfter(await tokenOf('admin', now - 10)), 'admin')
    t.equal(await roleAfter(await tokenOf('member', now - 15)), 'admin', 'older news')

    const held = await tokenOf('admin', now - 5)
    t.equal((await host.get('/ids', held)).statusCode, 200)
    world.clerk.memberships.remove({ organization: organizationId, user: userId })
    const message = world.clerk.messages().find(({ type }) => type === 'organizationMembership.deleted')
    const told = await host.app.inject({
      method: 'POST',
      url: '/api/sync/clerk',
      headers: { 'content-type': 'application/json', ...message?.headers },
      body: message?.body ?? '',
    })
    t.match(told.json(), { result: 'processed' })
    await until(async () => (await host.get('/ids', held)).statusCode === 403)
    const ended = await host.get('/ids', held)
    t.match(ended.json(), { code: 'FL_ORGANIZATION_MISSING' })
  },
)

t.test('an impersonator makes nobody, changes nothing, and moves no last login', async (t) => {
  const world = await createIdentityWorld(t)
  const host = await world.start()
  const [member] = world.clerk.memberships.list()
  const userId = member?.public_user_data.user_id ?? ''
  const organizationId = member?.organization.id ?? ''
  const act = { sub: 'user_2SomebodyElse', iss: 'https://dashboard.clerk.com' }
  const impersonated = () => world.clerk.sessionToken({ userId, organizationId, claims: { act } })

  t.equal((await host.get('/ids', await impersonated())).statusCode, 401)
  t.same(await counts(world), { users: 0, organizations: 0, memberships: 0 })
  await host.get('/ids', await world.clerk.sessionToken({ userId, organizationId }))
  await until(async () => {
    const [row] = await world.sql`select from firstlogin.users where last_login_at is not null`
    return row !== undefined
  })
  await world.sql`update firstlogin.users set last_login_at = '2026-01-01'`
  const who = await host.get('/who', await impersonated())
  t.match(who.json(), { isImpersonated: true })
  t.match(await world.sql`select last_login_at::date::text as day from firstlogin.users`, [
    { day: '2026-01-01' },
  ])
})

t.test('a token of an impersonator is refused with 403 unless the route allows it', async (t) => {
  const world = await createIdentityWorld(t)
  const host = await world.start()
  const [member] = world.clerk.memberships.list()
  const userId = member?.public_user_data.user_id ?? ''
  const organizationId = member?.organization.id ?? ''
  const tokenOf = (claims: object) =>
    world.clerk.sessionToken({ userId, organizationId, claims: { ...claims } })
  t.equal((await host.get('/own', await tokenOf({}))).statusCode, 200)
  const token = await tokenOf({ act: { sub: 'user_2SomebodyElse', iss: 'https://dashboard.clerk.com' } })
  for (const path of ['/own', '/ids', '/rows', '/admin'])
    for (const from of ['PostgreSQL', 'memory']) {
      const reply = await host.get(path, token)
      t.equal(reply.statusCode, 403, `${path}, from ${from}`)
      t.match(reply.json(), { code: 'FL_IMPERSONATION_REFUSED' })
    }
  t.match((await host.get('/who', token)).json(), { isImpersonated: true })
  t.match((await host.get('/own', token)).json(), { code: 'FL_IMPERSONATION_REFUSED' }, 'and it stays so')
  t.ok(
    host.log.some((line) => line['event'] === 'token.refused' && line['code'] === 'FL_IMPERSONATION_REFUSED'),
  )
})
