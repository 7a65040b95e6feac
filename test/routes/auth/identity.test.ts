import t, { type Test } from 'tap'
import { createClerkStandIn } from '../../../sandbox/clerk/stand-in.ts'
import { createWorld } from '../../support/service.ts'
import { until } from '../../support/until.ts'

/** The service with an Airtable and a Clerk, which both know Ada. */
async function createTwoUpstreams(t: Test) {
  const world = await createWorld(t)
  const clerk = createClerkStandIn({ secretKey: 'sk_test_auth' })
  const url = await clerk.listen()
  t.teardown(() => clerk.close())
  const { app, login, logText } = await world.start({
    UPSTREAMS: 'airtable,clerk',
    // The table's passwords are those of the accounts' owners.
    AIRTABLE_EMAILS: 'verified',
    CLERK_SECRET_KEY: 'sk_test_auth',
    CLERK_ISSUER: url,
    CLERK_API_URL: url,
    CLERK_WEBHOOK_SECRET: clerk.webhookSecret,
  })
  const get = (path: string, token: string, headers: Record<string, string> = {}) =>
    app.inject({ url: `/api/auth/${path}`, headers: { authorization: `Bearer ${token}`, ...headers } })
  const tell = async () => {
    for (const { headers, body } of clerk.messages())
      await app.inject({
        method: 'POST',
        url: '/api/sync/clerk',
        headers: { 'content-type': 'application/json', ...headers },
        body,
      })
  }
  const [member] = clerk.memberships.list()
  const ada = {
    userId: member?.public_user_data.user_id ?? '',
    organizationId: member?.organization.id ?? '',
  }
  return { ...world, clerk, get, tell, login, ada, logText }
}

t.test('GET /api/auth/identity knows a person by our token and by an upstream’s', async (t) => {
  const { clerk, get, login, tell, ada } = await createTwoUpstreams(t)
  const { accessToken, user } = (await login('ada@example.com', 'analytical-engine')).json()
  t.match((await get('identity', accessToken)).json(), {
    user: { id: user.id },
    organization: null,
    upstream: null,
  })
  t.match((await get('me', accessToken)).json(), { organizations: [] })

  // Clerk vouches for her address: she is the same person, and now belongs to something.
  const [person] = clerk.users.list()
  clerk.users.put({ id: person?.id ?? '', last_name: 'Lovelace' })
  await tell()
  const byClerk = await get('identity', await clerk.sessionToken(ada))
  t.equal(byClerk.statusCode, 200)
  t.match(byClerk.json(), {
    user: { id: user.id, email: 'ada@example.com' },
    organization: { role: 'admin', roles: ['org:admin'] },
    upstream: 'clerk',
    isImpersonated: false,
  })
  const { organization } = byClerk.json<{ organization: { id: string; slug: string } }>()
  t.equal(organization.slug, 'analytical-engines')

  await until(
    async () => (await get('me', accessToken)).json<{ organizations: object[] }>().organizations.length,
  )
  t.match((await get('me', accessToken)).json(), { organizations: [{ id: organization.id, role: 'admin' }] })
  t.match((await get('identity', accessToken)).json(), { organization: { id: organization.id } })
})

t.test('of several organizations our token acts in the one that x-organization-id names', async (t) => {
  const { clerk, get, login, ada, sql } = await createTwoUpstreams(t)
  clerk.organizations.put({ id: 'org_2SecondOne', name: 'Second' })
  for (const organizationId of [ada.organizationId, 'org_2SecondOne'])
    t.equal((await get('identity', await clerk.sessionToken({ ...ada, organizationId }))).statusCode, 200)
  const { accessToken } = (await login('ada@example.com', 'analytical-engine')).json()
  // The address comes from Clerk behind the first answer, and makes her one.
  await until(
    async () => (await get('me', accessToken)).json<{ organizations: object[] }>().organizations.length === 2,
  )
  t.match((await get('identity', accessToken)).json(), { organization: null })
  const organizations = await sql<{ id: string; externalId: string }[]>`
    select id, external_id as "externalId" from firstlogin.organizations`
  for (const { id } of organizations)
    t.match((await get('identity', accessToken, { 'x-organization-id': id })).json(), {
      organization: { id },
    })
  t.equal((await get('me', accessToken)).json<{ organizations: object[] }>().organizations.length, 2)

  for (const id of ['01a1fe4d-8dfd-7bb2-b3dd-8e3cae60c58d', 'x', "' or true --"]) {
    const refused = await get('identity', accessToken, { 'x-organization-id': id })
    t.match([refused.statusCode, refused.json()], [403, { code: 'FL_ORGANIZATION_MISSING' }])
  }
})

t.test('a token of nobody’s is refused, and no line of the log holds it', async (t) => {
  const { clerk, get, ada, logText } = await createTwoUpstreams(t)
  const token = await clerk.sessionToken({ ...ada, claims: { iss: 'https://clerk.example.com' } })
  const refused = await get('identity', token)
  t.match([refused.statusCode, refused.json()], [401, { code: 'FL_TOKEN_INVALID' }])
  t.match((await get('identity', 'x')).json(), { code: 'FL_TOKEN_INVALID' })
  for (const part of token.split('.')) t.notOk(logText().includes(part))
})
