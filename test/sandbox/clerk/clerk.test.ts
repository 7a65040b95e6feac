import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createClerkClient, verifyToken } from '@clerk/backend'
import { verifyWebhook } from '@clerk/backend/webhooks'
import { Webhook } from 'svix'
import t, { type Test } from 'tap'
import { ada, grace } from '../../../sandbox/clerk/people.ts'
import { type ClerkStandInOptions, createClerkStandIn } from '../../../sandbox/clerk/stand-in.ts'

const secretKey = 'sk_test_standin'
const organizationId = 'org_2AnalyticalEngines00000000'

async function open(t: Test, options: Partial<ClerkStandInOptions> = {}) {
  const standIn = createClerkStandIn({ secretKey, ...options })
  const apiUrl = await standIn.listen()
  t.teardown(() => standIn.close())
  const client = createClerkClient({ secretKey, apiUrl })
  const get = (path: string, key = secretKey) =>
    fetch(`${apiUrl}${path}`, { headers: { authorization: `Bearer ${key}` } })
  const ids = async (path: string) => {
    const users = (await (await get(path)).json()) as { id: string }[]
    return users.map(({ id }) => id)
  }
  return { standIn, apiUrl, client, get, ids }
}

t.test("Clerk's own client lists people, one by one and page by page", async (t) => {
  const { client } = await open(t)
  const all = await client.users.getUserList({ orderBy: '+created_at' })
  t.equal(all.totalCount, 4)
  t.match(all.data, [
    { id: ada, firstName: 'Ada', primaryEmailAddress: { emailAddress: 'ada@example.com' } },
    { id: grace },
    { lastName: null, primaryEmailAddress: { verification: { status: 'unverified' } } },
    { primaryEmailAddress: null, primaryPhoneNumber: { phoneNumber: '+15555550100' } },
  ])
  const second = await client.users.getUserList({ orderBy: '+created_at', limit: 1, offset: 1 })
  t.match(second.data, [{ id: grace }])
  t.match(await client.users.getUser(grace), { firstName: 'Grace' })
  await t.rejects(client.users.getUser('user_2nobody'), {
    status: 404,
    errors: [{ code: 'resource_not_found' }],
  })
})

t.test("Clerk's own client lists organizations and memberships from every side", async (t) => {
  const { client } = await open(t)
  t.match(await client.organizations.getOrganization({ organizationId }), {
    name: 'Analytical Engines',
    slug: 'analytical-engines',
    membersCount: 2,
  })
  t.match(await client.organizations.getOrganizationList(), { totalCount: 1, data: [{ id: organizationId }] })
  const members = await client.organizations.getOrganizationMembershipList({
    organizationId,
    userId: [grace],
  })
  t.match(members, { totalCount: 1, data: [{ role: 'org:member', publicUserData: { userId: grace } }] })
  t.match(await client.users.getOrganizationMembershipList({ userId: ada }), {
    totalCount: 1,
    data: [{ role: 'org:admin', organization: { id: organizationId } }],
  })
  t.match(await client.organizations.getInstanceOrganizationMembershipList({}), { totalCount: 2 })
})

t.test(
  'filters have to fit together, ids may be excluded, and there are ten to a page by default',
  async (t) => {
    const { ids, get, standIn, client } = await open(t)
    t.strictSame(await ids('/v1/users?email_address[]=ADA@example.com&email_address[]=x@example.com'), [ada])
    t.strictSame(await ids(`/v1/users?email_address[]=ada@example.com&user_id[]=${grace}`), [])
    t.strictSame(await ids(`/v1/users?user_id=${ada}&user_id=${grace}&order_by=%2Bcreated_at`), [ada, grace])
    t.notOk((await ids(`/v1/users?user_id[]=-${ada}`)).includes(ada))
    const found = await client.users.getUserList({ emailAddress: ['grace@example.com'], userId: [grace] })
    t.match(found, { totalCount: 1, data: [{ id: grace }] })
    for (let n = 0; n < 10; n += 1) standIn.users.put({ id: `user_2n${n}` })
    t.equal((await ids('/v1/users')).length, 10)
    const many = Array.from({ length: 101 }, (_, n) => `user_id[]=${n}`).join('&')
    t.equal((await get(`/v1/users?${many}`)).status, 422)
    t.equal((await get('/v1/users?limit=501')).status, 422)
  },
)

t.test('a cursor goes through the people in the order of their creation, and in no other', async (t) => {
  const { ids, get } = await open(t)
  const path = '/v1/users?limit=3&order_by=%2Bcreated_at'
  const first = await ids(path)
  const rest = await ids(`${path}&starting_after=${first.at(-1)}`)
  t.equal(new Set([...first, ...rest]).size, 4)
  t.equal((await get(`${path}&starting_after=${ada}&offset=1`)).status, 422)
  t.equal((await get(`/v1/users?order_by=updated_at&starting_after=${ada}`)).status, 422)
})

t.test('nobody is let in without the secret key, and every answer is exactly application/json', async (t) => {
  const { get, apiUrl } = await open(t)
  const refused = await get('/v1/users', 'sk_test_other')
  t.equal(refused.status, 401)
  t.equal(refused.headers.get('content-type'), 'application/json')
  t.match(await refused.json(), { errors: [{ code: 'clerk_key_invalid' }], clerk_trace_id: String })
  t.equal((await fetch(`${apiUrl}/v1/users`)).status, 401)
  t.equal((await get('/v1/users')).headers.get('content-type'), 'application/json')
  const published = await fetch(`${apiUrl}/.well-known/jwks.json`)
  t.equal(published.status, 200, 'keys are for everybody')
})

t.test("too many calls say when to come back, in words that Clerk's client understands", async (t) => {
  const { client, standIn } = await open(t, { retryAfterS: 7 })
  standIn.setFault({ kind: 'rate_limit' })
  const refused = await client.users.getUser(ada).catch((error: unknown) => error)
  t.match(refused, { status: 429, retryAfter: 7, errors: [{ code: 'too_many_requests' }] })
  standIn.heal()
  t.match(await client.users.getUser(ada), { id: ada })
})

t.test("tokens of both versions are good for Clerk's own verifier, until the keys are rotated", async (t) => {
  const { standIn, apiUrl } = await open(t)
  const verify = (token: string) => verifyToken(token, { secretKey, apiUrl })
  const v2 = await standIn.sessionToken({ userId: ada, organizationId })
  t.match(await verify(v2), {
    iss: standIn.issuer,
    sub: ada,
    sid: /^sess_/,
    v: 2,
    sts: 'active',
    o: { id: organizationId, slg: 'analytical-engines', rol: 'admin' },
  })
  const v1 = await standIn.sessionToken({ userId: grace, organizationId, version: 1 })
  const claims = await verify(v1)
  t.match(claims, { sub: grace, org_id: organizationId, org_role: 'org:member' })
  t.notOk('v' in claims || 'o' in claims)
  const custom = await standIn.sessionToken({
    userId: ada,
    claims: { email: 'ada@example.com', sid: undefined },
  })
  const told = await verify(custom)
  t.match(told, { email: 'ada@example.com' })
  t.notOk('sid' in told || 'o' in told)

  await standIn.rotateKeys()
  const next = await standIn.sessionToken({ userId: ada })
  t.match(await verify(next), { sub: ada })
  const { keys } = (await (await fetch(`${apiUrl}/.well-known/jwks.json`)).json()) as {
    keys: { kid: string }[]
  }
  t.equal(keys.length, 1)
  t.not(keys[0]?.kid, standIn.instanceId)
})

t.test("a v2 token's permissions are what Clerk's bit masks make of them", async (t) => {
  const { standIn, apiUrl } = await open(t)
  const permissions = ['org:posts:read', 'org:posts:manage', 'org:invoices:manage', 'org:sys_profile:manage']
  standIn.memberships.put({ organization: organizationId, user: ada, permissions })
  const token = await standIn.sessionToken({ userId: ada, organizationId })
  t.match(await verifyToken(token, { secretKey, apiUrl }), {
    fea: 'o:posts,o:invoices',
    o: { per: 'read,manage', fpm: '3,2' },
  })
})

t.test("every edit makes the event that svix and Clerk's own verifier accept", async (t) => {
  const { standIn } = await open(t)
  standIn.users.put({ id: 'user_2new', email: 'new@example.com' })
  standIn.users.put({ id: 'user_2new', first_name: 'New' })
  standIn.organizations.put({ id: 'org_2new', name: 'New' })
  standIn.memberships.put({ organization: 'org_2new', user: 'user_2new', role: 'org:admin' })
  standIn.memberships.put({ organization: 'org_2new', user: 'user_2new', role: 'org:member' })
  standIn.memberships.remove({ organization: 'org_2new', user: 'user_2new' })
  standIn.organizations.remove('org_2new')
  standIn.users.put({ id: ada, first_name: 'Quiet' }, { isQuiet: true })
  standIn.users.remove('user_2new')
  t.notOk(standIn.users.remove('user_2new'))
  const messages = standIn.messages()
  t.strictSame(
    messages.map(({ type }) => type),
    [
      'user.created',
      'user.updated',
      'organization.created',
      'organizationMembership.created',
      'organizationMembership.updated',
      'organizationMembership.deleted',
      'organization.deleted',
      'user.deleted',
    ],
  )
  const { instanceId: instance_id, webhookSecret } = standIn
  for (const { type, headers, body } of messages) {
    t.match(new Webhook(webhookSecret).verify(body, headers), { object: 'event', type, instance_id })
    const request = new Request('http://127.0.0.1/', { method: 'POST', headers, body })
    t.match(await verifyWebhook(request, { signingSecret: webhookSecret }), { type })
  }
  const [created, updated] = messages.map(({ body }) => JSON.parse(body).data)
  t.ok(updated.updated_at > created.updated_at, 'every version has its own time')
  t.match(JSON.parse(messages[5]?.body ?? ''), {
    data: { role: 'org:member', organization: { name: 'New' }, public_user_data: { first_name: 'New' } },
  })
})

t.test('an event is posted until somebody takes it, under one id', async (t) => {
  const seen: { id: unknown; body: string }[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (part) => {
      body += part
    })
    request.on('end', () => {
      seen.push({ id: request.headers['svix-id'], body })
      response.writeHead(seen.length < 3 ? 500 : 200).end()
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const { standIn } = await open(t, {
    webhookUrl: `http://127.0.0.1:${port}/`,
    retryPausesMs: [1, 1, 1],
    timestampUnit: 's',
  })
  standIn.users.remove(grace)
  await standIn.settled()
  t.strictSame(
    standIn.attempts().map(({ status }) => status),
    [500, 500, 200],
  )
  t.equal(new Set(seen.map(({ id }) => id)).size, 1)
  t.ok(JSON.parse(seen[0]?.body ?? '').timestamp < 1e11, 'in seconds, as Clerk also writes it')
  t.equal(standIn.memberships.list().length, 1, 'whoever is gone is a member of nothing')
})

t.test('somebody outside can edit people and sign in as them', async (t) => {
  const { apiUrl, client } = await open(t)
  const send = (method: string, path: string, body?: object) =>
    fetch(`${apiUrl}/__control${path}`, {
      method,
      ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    })
  await send('PUT', '/users/user_2kay', { email: 'kay@example.com', first_name: 'Kay' })
  await send('PUT', `/memberships/${organizationId}/user_2kay`, { role: 'org:admin' })
  t.match(await client.users.getUser('user_2kay'), { firstName: 'Kay' })
  t.match(await client.organizations.getOrganization({ organizationId }), { membersCount: 3 })
  const answer = await send('POST', '/session_tokens', { userId: 'user_2kay', organizationId, version: 1 })
  const { jwt } = (await answer.json()) as { jwt: string }
  t.match(await verifyToken(jwt, { secretKey, apiUrl }), { sub: 'user_2kay', org_role: 'org:admin' })
  t.equal((await send('DELETE', '/users/user_2kay')).status, 200)
  t.equal((await send('DELETE', '/users/user_2kay')).status, 404)
})
