import t from 'tap'
import type { CanonicalEmail } from '../../../domain/email.ts'
import { seeded } from '../../../sandbox/frontegg/people.ts'
import { createFronteggCalls } from '../../../upstreams/frontegg/calls.ts'
import { pageOfUsers } from '../../../upstreams/frontegg/users.ts'
import type { Directory } from '../../../upstreams/upstream.ts'
import { openFrontegg } from './called.ts'

const { acme, globex, ada, grace, alan, katherine } = seeded
const usersPath = '/identity/resources/users/v3'
const unavailable = { code: 'FL_UPSTREAM_UNAVAILABLE' }

type Opened = Awaited<ReturnType<typeof openFrontegg>>

function ask({ lookup }: Pick<Opened, 'lookup'>, emails: string[], externalIds: string[] = []) {
  return lookup.find(() => ({ emails: emails as CanonicalEmail[], externalIds }))
}

function countCalls({ standIn }: Pick<Opened, 'standIn'>, path: string): number {
  const calls = standIn.calls().calls.filter((call) => call.path === path)
  return calls.reduce((sum, { count }) => sum + count, 0)
}

async function walk(directory: Directory) {
  const pages = []
  for (let from: string | undefined, begun = false; !begun || from !== undefined; begun = true) {
    const page = await directory.readPage(from)
    if (page === 'expired') throw new Error('The listing was forgotten.')
    pages.push(page)
    from = page.next
    if (pages.length > 50) throw new Error('The listing does not end.')
  }
  return pages
}

// The vendor token.

t.test('one vendor token is fetched for all who ask at once, and kept', async (t) => {
  const opened = await openFrontegg(t)
  await Promise.all([1, 2, 3].map(() => ask(opened, ['ada@example.com'])))
  await ask(opened, ['ada@example.com'])
  t.equal(countCalls(opened, '/auth/vendor'), 1)
  t.equal(countCalls(opened, usersPath), 4)
})

t.test(
  'a vendor token is replaced at 70 % of its life, and a late replacement keeps the old one in use',
  async (t) => {
    let now = Date.now()
    const opened = await openFrontegg(t, { clock: () => now, expiresInS: 1000 })
    await ask(opened, ['ada@example.com'])
    now += 699_000
    await ask(opened, ['ada@example.com'])
    t.equal(countCalls(opened, '/auth/vendor'), 1)
    now += 1000
    await ask(opened, ['ada@example.com'])
    t.equal(countCalls(opened, '/auth/vendor'), 2)

    let isAway = true
    const { http } = opened.context
    const calls = createFronteggCalls(opened.env, {
      ...opened.context,
      http: (request) =>
        request.url.endsWith('/auth/vendor') && !isAway
          ? Promise.resolve({ status: 500, headers: {}, body: '{}' })
          : http(request),
    })
    await calls.ask(pageOfUsers({}))
    isAway = false
    now += 800_000
    t.match(await calls.ask(pageOfUsers({})), { items: [{ id: ada }] })
    now += 200_000
    await t.rejects(calls.ask(pageOfUsers({})), unavailable)
  },
)

t.test('a vendor token that was revoked is fetched anew, once', async (t) => {
  const opened = await openFrontegg(t)
  await ask(opened, ['ada@example.com'])
  opened.standIn.revokeVendorTokens()
  t.match(await ask(opened, ['ada@example.com']), [{ externalId: ada }])
  t.equal(countCalls(opened, '/auth/vendor'), 2)

  const path = '/identity/resources/roles/v1'
  const refused = await openFrontegg(t)
  const calls = createFronteggCalls(refused.env, {
    ...refused.context,
    http: (request) =>
      request.url.endsWith(path)
        ? Promise.resolve({ status: 401, headers: {}, body: '{"errors":["Unauthorized"]}' })
        : refused.context.http(request),
  })
  await t.rejects(calls.ask({ path }), unavailable)
  t.equal(countCalls(refused, '/auth/vendor'), 2)
})

t.test('with a wrong API key nothing is found and nothing is said of the key', async (t) => {
  const FRONTEGG_API_KEY = 'a-key-that-must-not-be-logged'
  const opened = await openFrontegg(t, { settings: { FRONTEGG_API_KEY } })
  await t.rejects(ask(opened, ['ada@example.com']), unavailable)
  t.match(opened.logged, [['warn', 'frontegg.login_failed', { status: 401 }]])
  t.notMatch(JSON.stringify(opened.logged), FRONTEGG_API_KEY)
  t.ok(opened.asked.some(({ body }) => body?.includes(FRONTEGG_API_KEY)))
})

t.test(
  'an overload closes the gate until the moment that Frontegg names, and for a minute where it names none',
  async (t) => {
    const cases = [
      ['rate_limit', 7000, 7],
      ['rate_limit', 0, 1],
      ['quota', 0, 60],
    ] as const
    for (const [kind, resetMs, retryAfterS] of cases) {
      const now = Date.now()
      const opened = await openFrontegg(t, { resetMs, clock: () => now })
      opened.standIn.setFault({ kind })
      await t.rejects(ask(opened, ['ada@example.com']), unavailable)
      opened.standIn.heal()
      await t.rejects(ask(opened, ['ada@example.com']), { ...unavailable, retryAfterS }, kind)
      t.equal(opened.standIn.calls().total, 1)
    }
  },
)

// Looking people up.

t.test('a person is found by address and by id, with what the record says', async (t) => {
  const opened = await openFrontegg(t)
  opened.standIn.users.put({ id: alan, isLocked: true, name: ' ' })
  t.match(await ask(opened, ['grace@example.com']), [
    {
      type: 'user.upserted',
      externalId: grace,
      isAccount: true,
      created: false,
      fields: {
        email: 'Grace@Example.com',
        emailVerified: true,
        name: 'Grace Hopper',
        avatarUrl: null,
        status: 'active',
      },
    },
  ])
  const [locked] = await ask(opened, [], [alan])
  t.match(locked, { isUnverified: true, fields: { emailVerified: false, name: null, status: 'disabled' } })
  t.strictSame(await ask(opened, ['nobody@example.com'], ['00000000-0000-4000-8000-000000000000']), [])
})

t.test('the filter of addresses is a sieve: who was not asked for is not told', async (t) => {
  const opened = await openFrontegg(t)
  opened.standIn.users.put({ email: 'grace.ada@example.com' })
  const found = await ask(opened, ['ada@example.com'])
  t.strictSame(
    found.map(({ externalId }) => externalId),
    [ada],
  )
})

t.test('all ids are one call, each address is one, and without a question there is none', async (t) => {
  const opened = await openFrontegg(t)
  t.equal((await ask(opened, ['grace@example.com', 'alan@example.com'], [ada, katherine])).length, 4)
  t.equal(countCalls(opened, usersPath), 3)
  opened.standIn.resetCalls()
  t.strictSame(await opened.lookup.find(() => undefined), [])
  t.strictSame(await ask(opened, [], ['not-an-id-of-a-user,']), [])
  t.equal(opened.standIn.calls().total, 0)
})

t.test(
  'a read is as old as the record says, never from the future, and a later read wins the tie',
  async (t) => {
    const now = Date.parse('2026-11-21T12:00:00.000Z')
    const opened = await openFrontegg(t, { clock: () => now })
    const stampOf = async (tenant: object) => {
      opened.standIn.tenants.put({ tenantId: acme, ...tenant })
      return (await opened.organizations.find([acme]))[0]?.stamp
    }
    const event = 'read 2026-11-21T12:00:00.000Z'
    const updatedAt = '2026-06-01T12:00:00.000Z'
    t.strictSame(await stampOf({ updatedAt }), { at: Date.parse(updatedAt), event })
    t.strictSame(await stampOf({ updatedAt: '2027-01-01T00:00:00.000Z' }), { at: now, event })
    t.strictSame(await stampOf({ updatedAt: 'lately' }), { at: now, event })
    t.match(await ask(opened, ['ada@example.com']), [{ stamp: { at: now, event }, readAt: now }])
  },
)

t.test('a fault is FL_UPSTREAM_UNAVAILABLE and never an empty answer', async (t) => {
  const opened = await openFrontegg(t)
  for (const kind of ['error_500', 'html_502', 'malformed', 'forbidden', 'unauthorized'] as const) {
    opened.standIn.setFault({ kind })
    await t.rejects(ask(opened, ['ada@example.com']), unavailable, kind)
    await t.rejects(opened.organizations.find([acme]), unavailable, kind)
    await t.rejects(opened.directory.findExisting('user', [ada]), unavailable, kind)
  }
  t.notMatch(JSON.stringify(opened.logged), /example\.com/)
})

t.test('organizations are found by id with their names; those that are not there are not', async (t) => {
  const opened = await openFrontegg(t)
  const found = await opened.organizations.find([acme, 'own/tenant?', globex])
  t.match(found, [
    { externalId: acme, fields: { name: 'Acme Inc.' } },
    { externalId: globex, fields: { name: 'Globex' } },
  ])
  opened.standIn.tenants.put({ tenantId: 'own/tenant?', name: 'Odd' })
  t.match(await opened.organizations.find(['own/tenant?']), [{ fields: { name: 'Odd' } }])
})

// The directory.

t.test(
  'the directory lists people, their memberships with roles in each tenant, and tenants with names',
  async (t) => {
    const { directory, standIn } = await openFrontegg(t)
    standIn.roles.put({ key: 'auditors', name: 'Viewer', tenantId: globex })
    standIn.memberships.put({ userId: grace, tenantId: globex, roles: ['auditors'] })
    standIn.memberships.put({ userId: alan, tenantId: globex, roles: ['Admin'], isDisabled: true })
    const pages = await walk(directory)
    const changes = pages.flatMap((page) => page.changes)
    t.equal(
      pages.reduce((sum, { size }) => sum + size, 0),
      4,
    )
    const grants = changes.flatMap((change) =>
      change.type === 'membership.upserted' ? [[change.externalId, change.fields.grant]] : [],
    )
    t.strictSame(Object.fromEntries(grants), {
      [`${acme} ${ada}`]: { roles: ['Admin'], role: 'admin', isMapped: true },
      [`${acme} ${grace}`]: { roles: ['Member'], role: 'member', isMapped: true },
      [`${acme} ${alan}`]: { roles: ['ReadOnly'], role: 'viewer', isMapped: true },
      [`${acme} ${katherine}`]: { roles: ['Member'], role: 'member', isMapped: true },
      [`${globex} ${katherine}`]: { roles: ['Admin', 'ReadOnly'], role: 'admin', isMapped: true },
      [`${globex} ${grace}`]: { roles: ['auditors'], role: 'viewer', isMapped: true },
    })
    const names = changes.flatMap((change) =>
      change.type === 'organization.upserted' ? [change.fields.name] : [],
    )
    t.strictSame(names, ['Acme Inc.', 'Globex'])
  },
)

t.test('what a role means is looked for by its key and then by its name, own words first', async (t) => {
  const settings = { FRONTEGG_ROLE_MAP: { 'Read Only': 'member' as const } }
  const { directory, standIn } = await openFrontegg(t, { settings })
  standIn.roles.put({ key: 'r-17', name: 'Admin' })
  standIn.memberships.put({ userId: ada, tenantId: acme, roles: ['r-17'] })
  const changes = (await walk(directory)).flatMap((page) => page.changes)
  const grantOf = (id: string) => changes.find((change) => change.externalId === `${acme} ${id}`)
  t.match(grantOf(ada), { fields: { grant: { roles: ['r-17'], role: 'admin' } } })
  t.match(grantOf(alan), { fields: { grant: { roles: ['ReadOnly'], role: 'member' } } })
})

t.test('a long listing is walked to its end whether its offset counts pages or rows', async (t) => {
  for (const offsetCounts of ['pages', 'rows'] as const) {
    const { directory, standIn } = await openFrontegg(t, { offsetCounts, isEmpty: true })
    standIn.roles.put({ key: 'Member' })
    for (let index = 0; index < 200; index++) {
      const createdAt = new Date(Date.UTC(2026, 0, 1) + index * 1000).toISOString()
      const { id: userId } = standIn.users.put({ createdAt })
      standIn.memberships.put({ userId, tenantId: 'one', roles: ['Member'] })
    }
    for (let index = 0; index < 130; index++) standIn.tenants.put({ tenantId: `tenant-${index}` })
    const changes = (await walk(directory)).flatMap((page) => page.changes)
    const count = (type: string) =>
      new Set(changes.filter((change) => change.type === type).map(({ externalId }) => externalId)).size
    t.strictSame(
      ['user.upserted', 'membership.upserted', 'organization.upserted'].map(count),
      [200, 200, 130],
      offsetCounts,
    )
    // A call for each page, and one for each tenant of the people on it.
    if (offsetCounts === 'pages') t.equal(countCalls({ standIn }, `${usersPath}/roles`), 2)
  }
})

t.test('a listing that always gives the same page is given up', async (t) => {
  const { directory, standIn, context, env } = await openFrontegg(t, { isEmpty: true })
  for (let index = 0; index < 150; index++) standIn.users.put({})
  const { default: frontegg } = await import('../../../upstreams/frontegg/index.ts')
  const http: typeof context.http = (request) =>
    context.http({ ...request, url: request.url.replace(/_offset=\d+/, '_offset=0') })
  const stuck = frontegg.create(env, { ...context, http }).directory
  if (!stuck) throw new Error('There is no directory.')
  await t.rejects(walk(stuck), unavailable)
  t.equal((await walk(directory)).length, 3)
})

t.test('a place in a listing that nobody can read begins anew', async (t) => {
  const { directory } = await openFrontegg(t)
  t.equal(await directory.readPage('itr0123456789/rec01'), 'expired')
})

t.test('whoever a listing missed is asked for by id', async (t) => {
  const { directory, standIn } = await openFrontegg(t)
  standIn.users.remove(alan)
  standIn.memberships.put({ userId: grace, tenantId: acme, isDisabled: true })
  t.strictSame(directory.kinds, ['user', 'membership'])
  t.strictSame(await directory.findExisting('user', [ada, alan, 'no-id']), [ada])
  const names = [
    `${acme} ${ada}`,
    `${globex} ${ada}`,
    `${globex} ${katherine}`,
    `${acme} ${grace}`,
    `${acme} ${alan}`,
  ]
  t.strictSame(await directory.findExisting('membership', names), [names[0], names[2]])
  t.strictSame(await directory.findExisting('user', []), [])
})
