import { hash } from '@node-rs/argon2'
import t, { type Test } from 'tap'
import { runCommand } from '../../support/commands.ts'
import { send, syncOn, toEvent } from '../../support/events.ts'
import { createWorld, type Service } from '../../support/service.ts'
import { bearer, createClient, isProblem } from '../auth/client.ts'

const password = 'correct horse battery staple'
const passwordHash = hash(password, { memoryCost: 64, timeCost: 1, parallelism: 1 })
const nobody = '0192d3a0-0000-7000-8000-000000000000'

/** After the events of `tell`: the older one of two records stays. */
const later = '2026-11-20T11:00:00.000Z'

async function tell(
  service: Service,
  name: string,
  role: string,
  own: object = {},
  occurredAt = '2026-11-20T10:00:00.000Z',
): Promise<void> {
  const user = {
    id: `rec${name}`,
    email: `${name}@example.com`,
    name,
    role,
    passwordHash: await passwordHash,
  }
  const reply = await send(service, toEvent({ occurredAt, user: { ...user, ...own } }))
  t.equal(reply.statusCode, 200)
}

async function signIn(service: Service, name: string) {
  const reply = await service.login(`${name}@example.com`, password)
  t.equal(reply.statusCode, 200, name)
  return reply.json()
}

async function setUp(t: Test) {
  const world = await createWorld(t)
  const service = await world.start(syncOn)
  for (const role of ['owner', 'admin', 'member']) await tell(service, role, role)
  const [owner, admin, member] = [
    await signIn(service, 'owner'),
    await signIn(service, 'admin'),
    await signIn(service, 'member'),
  ]
  const as = (token: string) => ({
    get: (id: string) => service.app.inject({ url: `/api/admin/users/${id}`, headers: bearer(token) }),
    patch: (id: string, body: object) =>
      service.app.inject({ method: 'PATCH', url: `/api/admin/users/${id}`, headers: bearer(token), body }),
  })
  return { world, service, owner, admin, member, as }
}

t.test(
  'PATCH /api/admin/users/:id disables a user above every upstream, and their sessions end with it',
  async (t) => {
    const { world, service, admin, member, as } = await setUp(t)
    const { me, refresh } = createClient(service.app)
    const other = await world.start(syncOn)
    t.equal((await createClient(other.app).me(member.accessToken)).statusCode, 200)
    const reply = await as(admin.accessToken).patch(member.user.id, { status: 'disabled' })
    t.equal(reply.statusCode, 200)
    t.equal(reply.headers['cache-control'], 'no-store')
    t.match(reply.json(), {
      user: { id: member.user.id, email: 'member@example.com', status: 'disabled', role: 'member' },
      provenance: { status: { source: 'operator' }, role: { source: 'airtable', externalId: 'recmember' } },
      overrides: { status: { value: 'disabled', by: admin.user.id, without: 'active' } },
      replacedBy: null,
    })
    t.notMatch(reply.body, /argon2|passwordHash":"/)
    t.equal(
      (
        await world.sql`select from firstlogin.sessions where user_id = ${member.user.id} and ended_at is null`
      ).length,
      0,
    )
    isProblem(t, await me(member.accessToken), 'FL_SESSION_INVALID')
    isProblem(t, await refresh(member.refreshToken), 'FL_SESSION_INVALID')
    isProblem(t, await service.login('member@example.com', password), 'FL_ACCOUNT_INACTIVE')

    await tell(service, 'member', 'member', { status: 'active' })
    await tell(service, 'member', 'member', { id: 'recAnother' }, later)
    isProblem(
      t,
      await service.login('member@example.com', password),
      'FL_ACCOUNT_INACTIVE',
      'after later events',
    )

    const lifted = await as(admin.accessToken).patch(member.user.id, { status: null })
    t.match(lifted.json(), { user: { status: 'active' }, provenance: { status: { source: 'airtable' } } })
    t.strictSame(lifted.json().overrides, {})
    await signIn(service, 'member')
    t.match(
      service.log.filter(({ event }) => event === 'user.overridden'),
      [{ userId: member.user.id, operator: admin.user.id, status: 'disabled', reqId: /./ }, { status: null }],
    )
  },
)

t.test('a role that an operator took away is not given back by a later event', async (t) => {
  const { service, owner, admin, as } = await setUp(t)
  const { patch } = as(owner.accessToken)
  t.match((await patch(admin.user.id, { role: 'viewer' })).json(), {
    user: { role: 'viewer' },
    overrides: { role: { value: 'viewer', without: 'admin' } },
  })
  isProblem(
    t,
    await as(admin.accessToken).get(owner.user.id),
    'FL_ROLE_MISSING',
    'who was admin a moment ago',
  )
  await tell(service, 'admin', 'owner')
  const now = (await as(owner.accessToken).get(admin.user.id)).json()
  t.match(now, { user: { role: 'viewer' }, overrides: { role: { value: 'viewer', without: 'owner' } } })
  t.match((await patch(admin.user.id, { role: null, status: 'active' })).json(), {
    user: { role: 'owner', status: 'active' },
    overrides: { status: { value: 'active', without: 'active' } },
  })
})

t.test('an admin who is not an owner neither makes an owner nor changes one', async (t) => {
  const { service, owner, admin, member, as } = await setUp(t)
  const { patch } = as(admin.accessToken)
  isProblem(t, await patch(owner.user.id, { status: 'disabled' }), 'FL_ROLE_MISSING')
  isProblem(t, await patch(owner.user.id, { role: 'viewer' }), 'FL_ROLE_MISSING')
  isProblem(t, await patch(admin.user.id, { role: 'owner' }), 'FL_ROLE_MISSING')
  const byOwner = as(owner.accessToken).patch
  t.equal((await byOwner(member.user.id, { role: 'owner' })).statusCode, 200)
  t.equal((await byOwner(member.user.id, { role: 'member' })).statusCode, 200)
  await tell(service, 'member', 'owner')
  isProblem(t, await patch(member.user.id, { role: null }), 'FL_ROLE_MISSING', 'lifting makes an owner, too')
})

t.test('what is no user, no decision, or not for this caller is refused', async (t) => {
  const { admin, member, as } = await setUp(t)
  const { get, patch } = as(admin.accessToken)
  isProblem(t, await get(nobody), 'FL_USER_UNKNOWN')
  isProblem(t, await patch(nobody, { role: 'viewer' }), 'FL_USER_UNKNOWN')
  for (const id of ['1', 'ada@example.com', `${nobody}'`]) isProblem(t, await get(id), 'FL_REQUEST_INVALID')
  for (const body of [
    {},
    { status: 'deleted' },
    { role: 'king' },
    { email: 'x@example.com' },
    { status: ['active'] },
  ])
    isProblem(t, await patch(member.user.id, body), 'FL_REQUEST_INVALID', JSON.stringify(body))
  isProblem(t, await as(member.accessToken).get(member.user.id), 'FL_ROLE_MISSING')
  isProblem(t, await as('made.up.token').patch(member.user.id, { role: 'admin' }), 'FL_SESSION_INVALID')
})

t.test('firstlogin override sets and lifts, ends sessions, and why shows it', async (t) => {
  const { world, service, member } = await setUp(t)
  const override = (...args: string[]) => runCommand(world, ['override', ...args])
  const { id } = member.user
  t.match(await override('Member@Example.com', '--status', 'disabled', '--role=viewer'), {
    code: 0,
    lines: [
      `member@example.com  ${id}  disabled  viewer`,
      '  status: disabled until it is lifted, then active',
      '  role: viewer until it is lifted, then member',
    ],
  })
  isProblem(t, await createClient(service.app).refresh(member.refreshToken), 'FL_SESSION_INVALID')
  const why = await runCommand(world, ['why', 'member@example.com'])
  t.match(why.lines.join('\n'), / {2}status +disabled +operator \d{4}-/)
  t.match(
    why.lines.join('\n'),
    / {2}override of role: viewer, by command line, \S+; member once it is lifted/,
  )

  t.match((await override(id, '--lift', '--role', 'admin')).lines, [
    `member@example.com  ${id}  active  admin`,
    '  role: admin until it is lifted, then member',
  ])
  t.match((await override('member@example.com', '--lift')).lines, [
    `member@example.com  ${id}  active  member`,
    '  No override is in force.',
  ])
  t.match(await override('nobody@example.com', '--lift'), {
    code: 1,
    lines: [],
    errors: [/^PostgreSQL does not know/],
  })
  t.match(await override(nobody, '--lift'), { code: 1 })
  for (const args of [
    [],
    ['member@example.com'],
    ['no address', '--lift'],
    ['member@example.com', '--status'],
    ['member@example.com', '--status', 'deleted'],
    ['member@example.com', '--role', 'king'],
    ['member@example.com', '--lift=status'],
    ['member@example.com', '--force'],
    ['member@example.com', 'disabled'],
  ])
    t.match(await override(...args), { code: 2, lines: [] }, args.join(' '))
})
