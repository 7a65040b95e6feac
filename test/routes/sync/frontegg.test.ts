import t from 'tap'
import { seeded } from '../../../sandbox/frontegg/people.ts'
import { until } from '../../support/until.ts'
import { createVendors, forgetAll, readEvents, readMembers, readPeople } from '../../support/vendors.ts'

const world = await createVendors(t)
const { sql, frontegg } = world
const host = await world.start('frontegg')
const { acme, globex, ada, grace, alan, katherine } = seeded
const stranger = '11111111-2222-4333-8444-555555555555'
t.beforeEach(() => forgetAll(sql))

type Sent = Awaited<ReturnType<typeof frontegg.webhook>>

const post = ({ body, headers }: Pick<Sent, 'body' | 'headers'>) =>
  host.post('/api/sync/frontegg', body, headers)

async function hint(eventKey: string, about: { userId?: string; tenantId?: string }, body: object = {}) {
  // Of another moment, so that it is another event.
  const sent = await frontegg.webhook(eventKey, about, { body: { ...body, sentAt: `${Math.random()}` } })
  return post(sent)
}

const tell = async (...told: Parameters<typeof hint>) =>
  (await hint(...told)).json<{ result: string }>().result

t.test('a hint brings the person with all their memberships, and the names of both', async (t) => {
  t.equal(await tell('frontegg.user.created', { userId: katherine, tenantId: globex }), 'processed')
  t.match(await readPeople(sql), [{ email: 'katherine@example.com', name: 'Katherine Johnson' }])
  await tell('frontegg.tenant.created', { tenantId: acme })
  t.same(await readMembers(sql), [
    'Katherine Johnson in Acme Inc. as member',
    'Katherine Johnson in Globex as admin',
  ])
})

t.test('a forged body changes nothing but what the API says', async (t) => {
  const lies = {
    id: grace,
    email: 'mallory@example.com',
    name: 'Mallory',
    verified: true,
    roles: [{ key: 'Admin' }],
  }
  await tell(
    'frontegg.user.updated',
    { userId: grace, tenantId: acme },
    { user: { ...lies, tenantId: acme } },
  )
  t.match(await readPeople(sql), [{ email: 'Grace@Example.com', name: 'Grace Hopper' }])
  t.same(await readMembers(sql), ['Grace Hopper in Acme Inc. as member'])
  await tell('frontegg.user.created', { userId: stranger, tenantId: acme }, { user: lies })
  await hint('frontegg.user.created', {}, { user: { ...lies, id: stranger }, eventContext: {} })
  t.equal((await readPeople(sql)).length, 1, 'whom the API does not know nobody makes')
})

t.test(
  'a captured header opens the door for other bodies, and those can say no more than the truth',
  async (t) => {
    const { headers } = await frontegg.webhook('frontegg.user.updated', { userId: ada, tenantId: acme })
    const attack = { eventKey: 'frontegg.user.deleted', user: { id: ada }, eventContext: { tenantId: acme } }
    await post({ headers, body: JSON.stringify(attack) })
    const roles = [{ key: 'Owner' }]
    await post({ headers, body: JSON.stringify({ eventKey: 'x', userId: alan, tenantId: globex, roles }) })
    t.same(await readMembers(sql), [
      'Ada Lovelace in Acme Inc. as admin',
      'alan@example.com in Acme Inc. as viewer',
    ])
    t.match(await readPeople(sql), [{ status: 'active' }, { status: 'active' }])
  },
)

t.test('the same event again counts once', async (t) => {
  const sent = await frontegg.webhook('frontegg.user.updated', { userId: ada, tenantId: acme })
  t.match((await post(sent)).json(), { result: 'processed' })
  t.match((await post(sent)).json(), { result: 'replayed' })
  t.equal((await readEvents(sql)).length, 1)
})

t.test('a wrong or missing proof is 401 before anybody is asked', async (t) => {
  const { headers, body } = await frontegg.webhook('frontegg.user.created', { userId: ada })
  const forged = await frontegg.webhook('frontegg.user.created', { userId: ada }, { secret: 'another' })
  frontegg.resetCalls()
  for (const sent of [{}, forged.headers, { 'x-webhook-secret': frontegg.webhookSecret }]) {
    for (const text of [body, 'not JSON']) {
      const reply = await host.post('/api/sync/frontegg', text, { ...sent })
      t.equal(reply.statusCode, 401)
      t.match(reply.json(), { code: 'FL_SIGNATURE_INVALID' })
    }
  }
  t.equal(frontegg.calls().total, 0)
  t.same(await readEvents(sql), [])
  t.equal((await host.post('/api/sync/frontegg', body, headers)).statusCode, 200)
})

t.test('"deleted" is believed when the API has the user no more, and not before', async (t) => {
  const email = 'leaving@example.com'
  frontegg.users.put({ id: stranger, email, name: 'Leaving' })
  frontegg.memberships.put({ userId: stranger, tenantId: acme, roles: ['Member'] })
  await tell('frontegg.user.created', { userId: stranger, tenantId: acme })
  const held = frontegg.accessToken({ userId: stranger, tenantId: acme })
  t.equal((await host.get('/ids', held)).statusCode, 200)

  await tell('frontegg.user.deleted', { userId: stranger, tenantId: acme })
  t.match(await readPeople(sql), [{ email, status: 'active' }])
  t.same(await readMembers(sql), ['Leaving in Acme Inc. as member'])

  frontegg.users.remove(stranger)
  await tell('frontegg.user.updated', { userId: stranger, tenantId: acme })
  t.match(await readPeople(sql), [{ email, status: 'active' }], 'only a deletion is one')
  t.equal(await tell('frontegg.user.deleted', { userId: stranger, tenantId: acme }), 'processed')
  t.match(await readPeople(sql), [{ email, status: 'disabled' }])
  await until(async () => (await host.get('/ids', held)).statusCode === 403)
})

t.test(
  'while the API is away an event is 503 and kept, and comes in once it is back, whoever tries',
  async (t) => {
    const sent = await frontegg.webhook('frontegg.user.created', { userId: ada, tenantId: acme })
    frontegg.setFault({ kind: 'error_500' })
    const reply = await post(sent)
    t.equal(reply.statusCode, 503)
    t.match(reply.json(), { code: 'FL_UPSTREAM_UNAVAILABLE' })
    const failed = { type: 'frontegg.user.created', result: 'failed', reason: 'FL_UPSTREAM_UNAVAILABLE' }
    t.match(await readEvents(sql), [{ ...failed, attempts: 1 }])
    await host.app.inbox.retryWaiting(AbortSignal.timeout(5000))
    t.match(await readEvents(sql), [{ ...failed, attempts: 2 }], 'still away')
    t.same(await readPeople(sql), [])

    frontegg.heal()
    await sql`delete from firstlogin.upstream_gates`
    await host.app.inbox.retryWaiting(AbortSignal.timeout(5000))
    t.match(await readEvents(sql), [{ result: 'processed', reason: null }])
    t.same(await readMembers(sql), ['Ada Lovelace in Acme Inc. as admin'])
    t.match((await post(sent)).json(), { result: 'replayed' }, 'and Frontegg may try again, too')
  },
)

t.test('a tenant with another name, another role, a user who is locked or no member any more', async (t) => {
  await tell('frontegg.user.created', { userId: grace, tenantId: acme })
  frontegg.tenants.put({ tenantId: acme, name: 'Acme Limited' })
  t.equal(await tell('frontegg.tenant.updated', { tenantId: acme }), 'processed')
  t.same(await readMembers(sql), ['Grace Hopper in Acme Limited as member'])

  frontegg.memberships.put({ userId: grace, tenantId: acme, roles: ['Admin'] })
  t.equal(await tell('frontegg.user.updated', { userId: grace, tenantId: acme }), 'processed')
  t.same(await readMembers(sql), ['Grace Hopper in Acme Limited as admin'])

  frontegg.users.put({ id: grace, isLocked: true })
  await tell('frontegg.user.updated', { userId: grace, tenantId: acme })
  t.match(await readPeople(sql), [{ status: 'disabled' }])
  frontegg.users.put({ id: grace, isLocked: false })
  await tell('frontegg.user.updated', { userId: grace, tenantId: acme })
  t.match(await readPeople(sql), [{ status: 'active' }])

  frontegg.memberships.remove(grace, acme)
  t.equal(await tell('frontegg.user.removedFromTenant', { userId: grace, tenantId: acme }), 'processed')
  t.same(await readMembers(sql), [])
  t.match(await readPeople(sql), [{ status: 'active' }])
  frontegg.memberships.put({ userId: grace, tenantId: acme, roles: ['Member'] })
  frontegg.tenants.put({ tenantId: acme, name: 'Acme Inc.' })
})

t.test(
  '"Creates database records on first authenticated request": a token and hints at once make one of each',
  async (t) => {
    const token = () => frontegg.accessToken({ userId: ada, tenantId: acme })
    const replies = await Promise.all([
      ...Array.from({ length: 4 }, () => host.get('/ids', token())),
      hint('frontegg.user.created', { userId: ada, tenantId: acme }),
      hint('frontegg.user.authenticated', { userId: ada, tenantId: acme }),
      ...Array.from({ length: 4 }, () => host.get('/ids', token())),
    ])
    t.same(new Set(replies.map(({ statusCode }) => statusCode)), new Set([200]))
    t.equal((await readPeople(sql)).length, 1)
    t.same(await readMembers(sql), ['Ada Lovelace in Acme Inc. as admin'])
  },
)

t.test(
  '"Handles Admin/Member/Viewer role mapping from Frontegg", by tokens and by hints alike',
  async (t) => {
    const roleOf = async (userId: string) => {
      const reply = await host.get('/rows', frontegg.accessToken({ userId, tenantId: acme }))
      return reply.json<{ membership: { role: string } }>().membership.role
    }
    const expected = { [ada]: 'admin', [grace]: 'member', [alan]: 'viewer' }
    for (const [userId, role] of Object.entries(expected)) t.equal(await roleOf(userId), role)
    for (const userId of Object.keys(expected))
      await tell('frontegg.user.updated', { userId, tenantId: acme })
    for (const [userId, role] of Object.entries(expected)) t.equal(await roleOf(userId), role)
  },
)
