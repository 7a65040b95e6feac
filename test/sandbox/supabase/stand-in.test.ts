import { createServer } from 'node:http'
import { AuthApiError, GoTrueAdminApi } from '@supabase/auth-js'
import { Webhook } from 'standardwebhooks'
import t, { type Test } from 'tap'
import { toJsonbText } from '../../../sandbox/supabase/database-webhook.ts'
import { createSupabaseStandIn, type SupabaseStandInOptions } from '../../../sandbox/supabase/stand-in.ts'

const ada = '0a5f0c5e-6f0e-4b0c-9d3b-0f5d9a1c0001'
const grace = '0a5f0c5e-6f0e-4b0c-9d3b-0f5d9a1c0002'

async function open(t: Test, options: SupabaseStandInOptions = {}) {
  const standIn = createSupabaseStandIn(options)
  const url = `${await standIn.listen()}/auth/v1`
  t.teardown(standIn.close)
  const key = standIn.serviceRoleKey
  const headers = { apikey: key, authorization: `Bearer ${key}` }
  const admin = new GoTrueAdminApi({ url, headers })
  const ask = (
    path: string,
    init: Omit<RequestInit, 'headers'> & { headers?: Record<string, string> } = {},
  ) => fetch(`${url}${path}`, { ...init, headers: { ...headers, ...init.headers } })
  return { standIn, url, admin, ask, headers }
}

async function listen(
  t: Test,
  answer: (body: string, headers: NodeJS.Dict<string | string[]>) => object | number,
) {
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const part of request) body += String(part)
    const said = answer(body, request.headers)
    if (typeof said === 'number') return response.writeHead(said).end()
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(said))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  t.teardown(() => server.close())
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
}

t.test('the official client creates with an id of ours, finds, changes and deletes', async (t) => {
  const { admin, standIn } = await open(t)
  const id = 'c0ffee00-0000-4000-8000-000000000001'
  const app_metadata = { role: 'member', gone: 'soon' }
  const created = await admin.createUser({ id, email: 'New@Example.com', email_confirm: true, app_metadata })
  t.equal(created.error, null)
  t.match(created.data.user, {
    id,
    email: 'new@example.com',
    app_metadata: { provider: 'email', ...app_metadata },
  })
  t.ok(created.data.user?.email_confirmed_at)

  const updated = await admin.updateUserById(id, {
    app_metadata: { gone: null },
    user_metadata: { a: { deep: 1 } },
  })
  const until: object = { banned_until: 'infinity' }
  t.notOk((await admin.updateUserById(id, until)).data.user?.banned_until, 'which it never was')
  t.strictSame(updated.data.user?.app_metadata, { provider: 'email', providers: ['email'], role: 'member' })
  t.strictSame(updated.data.user?.user_metadata, { a: { deep: 1 } })
  const banned = await admin.updateUserById(id, { ban_duration: '1h30m' })
  t.ok(Date.parse(banned.data.user?.banned_until ?? '') > Date.now() + 5_300_000)
  t.notOk((await admin.updateUserById(id, { ban_duration: 'none' })).data.user?.banned_until)
  t.match(await admin.updateUserById(id, { ban_duration: '7d' }), {
    error: { status: 400, code: 'validation_failed' },
  })

  t.equal((await admin.getUserById(id)).data.user?.email, 'new@example.com')
  t.equal((await admin.deleteUser(id)).error, null)
  t.match(await admin.deleteUser(id), { error: { status: 404, code: 'user_not_found' } })
  t.equal(standIn.rows().length, 3)
})

t.test('an address that is taken is a 422 for create, a 500 for update, which changes nothing', async (t) => {
  const { admin, ask, standIn } = await open(t)
  const taken = await admin.createUser({ email: 'ADA@example.com' })
  t.ok(taken.error instanceof AuthApiError)
  t.match(taken.error, { status: 422, code: 'email_exists' })
  t.match(await admin.updateUserById(grace, { email: 'ada@example.com', ban_duration: '1h' }), {
    error: { status: 500, name: 'AuthRetryableFetchError', code: undefined },
  })
  t.equal(standIn.changes().length, 0, 'nor is anything told')
  const body = JSON.stringify({ email: 'ada@example.com' })
  const spoken = await ask(`/admin/users/${grace}`, {
    method: 'PUT',
    body,
    headers: { 'x-supabase-api-version': '2024-01-01' },
  })
  t.equal(spoken.headers.get('x-supabase-api-version'), '2024-01-01')
  t.strictSame(await spoken.json(), { code: 'unexpected_failure', message: 'Error updating user' })
  const bare = await ask('/admin/users', { method: 'POST', body })
  t.equal(bare.headers.get('x-sb-error-code'), 'email_exists')
  t.match(await bare.json(), { code: 422, error_code: 'email_exists', msg: /already been registered/ })
  t.match(await (await ask('/admin/users/me')).json(), { code: 404, error_code: 'validation_failed' })
})

t.test('only an administrator is let in, by a legacy key or by a secret key in apikey', async (t) => {
  const { standIn, url } = await open(t)
  const { serviceRoleKey, anonKey, secretKey } = standIn
  const ask = async (headers: Record<string, string>) => {
    const response = await fetch(`${url}/admin/users`, { headers })
    const { error_code } = (await response.json()) as { error_code?: string }
    return `${response.status} ${error_code ?? ''}`.trim()
  }
  t.equal(await ask({}), '401')
  t.equal(await ask({ apikey: secretKey }), '200')
  t.equal(await ask({ apikey: secretKey, authorization: `Bearer ${secretKey}` }), '200')
  t.equal(await ask({ apikey: 'sb_secret_other' }), '401')
  t.equal(await ask({ apikey: serviceRoleKey }), '401 no_authorization')
  t.equal(await ask({ apikey: anonKey, authorization: `Bearer ${anonKey}` }), '403 not_admin')
  t.equal(await ask({ apikey: anonKey, authorization: 'Bearer x.y.z' }), '403 bad_jwt')

  const direct = await open(t, { gateway: false })
  const response = await fetch(`${direct.url}/admin/users`, {
    headers: { authorization: `Bearer ${secretKey}` },
  })
  t.match(await response.json(), { code: 403, error_code: 'bad_jwt' }, 'a secret key is no JWT')
})

t.test('users are listed by their age, filtered by LIKE, with a count of all', async (t) => {
  const { admin, ask } = await open(t)
  for (const email of ['a_b@example.com', 'axb@example.com']) await admin.createUser({ email })
  const first = await admin.listUsers({ page: 1, perPage: 2 })
  t.match(first.data, {
    users: [{ email: 'axb@example.com' }, { email: 'a_b@example.com' }],
    total: 5,
    nextPage: 2,
    lastPage: 3,
  })
  const third = await ask('/admin/users?page=3&per_page=2')
  t.match(third.headers.get('link'), /^<\/admin\/users\?page=3&per_page=2>; rel="last"$/)
  t.match(await third.json(), { users: [{ email: 'ada@example.com' }] })
  const emails = async (filter: string) => {
    const { users } = (await (await ask(`/admin/users?filter=${filter}`)).json()) as {
      users: { email: string }[]
    }
    return users.map(({ email }) => email)
  }
  t.strictSame(await emails('a_b%40'), ['axb@example.com', 'a_b@example.com'], '_ is any character')
  t.strictSame(await emails('a%5C_b'), ['a_b@example.com'])
  t.strictSame(await emails('lovelace'), ['ada@example.com'], 'names count without their case')
  t.strictSame(await emails('Example.com'), [], 'addresses with theirs')
})

t.test('an invitation and a link make users who have confirmed nothing', async (t) => {
  const { admin, standIn } = await open(t)
  const invited = await admin.inviteUserByEmail('guest@example.com', { data: { full_name: 'Guest' } })
  t.match(invited.data.user, { email: 'guest@example.com', user_metadata: { full_name: 'Guest' } })
  t.notOk(invited.data.user?.email_confirmed_at)
  t.equal(
    (await admin.inviteUserByEmail('guest@example.com')).error,
    null,
    'again while nothing is confirmed',
  )
  t.match(await admin.inviteUserByEmail('ada@example.com'), { error: { code: 'email_exists' } })
  const link = await admin.generateLink({ type: 'magiclink', email: 'linked@example.com' })
  t.match(link.data, { properties: { verification_type: 'signup' }, user: { email: 'linked@example.com' } })
  t.match(link.data.properties?.hashed_token, /^[0-9a-f]{56}$/)
  const nobody = await admin.generateLink({ type: 'recovery', email: 'nobody@example.com' })
  t.match(nobody, { error: { status: 404, code: 'user_not_found' } })
  t.equal(standIn.rows().length, 5)
})

t.test('a soft deletion leaves a row in which nobody can be recognized', async (t) => {
  const { admin, standIn } = await open(t)
  t.equal((await admin.deleteUser(ada, true)).error, null)
  const [row] = standIn.rows()
  t.match(row, { id: ada, encrypted_password: null, raw_user_meta_data: {}, raw_app_meta_data: {} })
  t.match(row?.email, /^[\w-]{43}$/)
  t.ok(row?.deleted_at)
  t.equal((await admin.getUserById(ada)).data.user?.id, ada, 'and it is still shown')
})

t.test('each statement is one call of the trigger, posted once, in the text of a jsonb', async (t) => {
  const heard: { body: string; headers: NodeJS.Dict<string | string[]> }[] = []
  const webhookUrl = await listen(t, (body, headers) => {
    heard.push({ body, headers })
    return 500
  })
  const { admin, standIn } = await open(t, {
    webhookUrl,
    webhookHeaders: { authorization: 'Bearer of-the-trigger' },
  })
  await admin.createUser({ email: 'new@example.com', email_confirm: true, ban_duration: '1h' })
  const kinds = standIn.changes().map(({ type }) => type)
  t.strictSame(
    kinds,
    ['INSERT', 'UPDATE', 'UPDATE', 'UPDATE'],
    'the row, its role, the confirmation, the ban',
  )
  standIn.hardDelete(ada)
  await standIn.posted()
  t.equal(heard.length, 5, 'an answer is nothing to pg_net')
  t.equal(heard[0]?.headers['authorization'], 'Bearer of-the-trigger')
  const [insert] = heard.filter(({ body }) => body.includes('"type": "INSERT"'))
  t.match(insert?.body, /^\{"type": "INSERT", "table": "users", "record": \{"id": "/)
  const { record, ...rest } = JSON.parse(insert?.body ?? '{}')
  t.strictSame(rest, { type: 'INSERT', table: 'users', schema: 'auth', old_record: null })
  t.match(record, {
    email: 'new@example.com',
    raw_app_meta_data: { provider: 'email' },
    is_sso_user: false,
    deleted_at: null,
  })
  t.match(record.updated_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?\+00:00$/)
  const last = standIn.changes().at(-1)
  t.match(last, { type: 'DELETE', record: null, oldRecord: { id: ada } })
  t.equal(toJsonbText({ bb: [1, null], a: 'x"y' }), '{"a": "x\\"y", "bb": [1, null]}')
})

t.test('a sign-in moves two times and nothing else', async (t) => {
  const { standIn } = await open(t)
  const [before] = standIn.rows()
  const { last_sign_in_at, updated_at, ...after } = standIn.signIn(ada)
  t.ok(last_sign_in_at && updated_at > (before?.updated_at ?? ''))
  t.match(before, after)
})

t.test('a hook is signed by all secrets, and each attempt has another id', async (t) => {
  const secrets = [
    'YS1maXJzdC1zZWNyZXQtb2YtMzItYnl0ZXMtb3Igc28=',
    'YS1zZWNvbmQtc2VjcmV0LW9mLTMyLWJ5dGVzLW9yLXM=',
  ]
  const { standIn } = await open(t, { hookSecret: secrets.map((secret) => `v1,whsec_${secret}`).join('|') })
  const [row] = standIn.rows()
  if (!row) throw new Error('There is no row.')
  const call = standIn.authHook('before-user-created', row)
  t.match(call.headers['webhook-signature'], /^v1,\S+=, v1,\S+=$/)
  for (const secret of secrets) {
    const read = new Webhook(secret).verify(call.body, call.headers)
    t.match(read, {
      metadata: { name: 'before-user-created' },
      user: { role: '', created_at: '0001-01-01T00:00:00Z' },
    })
  }
  const again = call.retry()
  t.equal(again.body, call.body)
  t.not(again.headers['webhook-id'], call.headers['webhook-id'])
  t.ok(new Webhook(secrets[1] ?? '').verify(again.body, again.headers))
})

t.test('who signs up is asked about first: a no is a 200 with an error in it', async (t) => {
  const hookUrl = await listen(t, (body) =>
    body.includes('welcome@')
      ? {}
      : body.includes('odd@')
        ? 403
        : { error: { http_code: 403, message: 'Not you.' } },
  )
  const { standIn, admin } = await open(t, { hookUrl })
  const { id } = await standIn.signUp({ email: 'Welcome@Example.com' })
  t.equal(standIn.confirm(id).email, 'welcome@example.com')
  await t.rejects(standIn.signUp({ email: 'stranger@example.com' }), { message: 'Not you.' })
  await t.rejects(
    standIn.signUp({ email: 'odd@example.com' }),
    { code: 'unexpected_failure' },
    'any other status says nothing',
  )
  t.match(await admin.inviteUserByEmail('guest@example.com'), { error: { status: 403, message: 'Not you.' } })
  t.equal(
    (await admin.createUser({ email: 'guest@example.com' })).error,
    null,
    'administrators are not asked about',
  )
})

t.test('people change their address, are banned and forgiven', async (t) => {
  const { standIn } = await open(t)
  t.match(standIn.changeEmail(ada, 'Ada@New.example'), { email: 'ada@new.example' })
  t.ok(standIn.ban(ada, '24h').banned_until)
  t.equal(standIn.ban(ada, 'none').banned_until, null)
  t.throws(() => standIn.ban(ada, '24'), { code: 'validation_failed' })
  t.throws(() => standIn.changeEmail('nobody', 'x@y.z'), { code: 'user_not_found' })
})
