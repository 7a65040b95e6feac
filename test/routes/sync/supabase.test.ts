import { randomUUID } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import t from 'tap'
import type { Row } from '../../../sandbox/supabase/row.ts'
import { digestOf } from '../../../upstreams/supabase/echo.ts'
import { until } from '../../support/until.ts'
import {
  bearer,
  createVendors,
  forgetAll,
  hookSecret,
  readEvents,
  readPeople,
  signIn,
} from '../../support/vendors.ts'

const world = await createVendors(t)
const { sql, supabase } = world
const host = await world.start('supabase')
const authorization = `Bearer ${bearer}`
t.beforeEach(() => forgetAll(sql))

const post = (body: string, headers: Record<string, string> = { authorization }) =>
  host.post('/api/sync/supabase', body, headers)

let heard = 0

/** Posts what the trigger has to tell since the last time; answers what became of each. */
async function tellNews(): Promise<string[]> {
  const results: string[] = []
  for (const { type, record, oldRecord } of supabase.changes().slice(heard)) {
    const reply = await post(supabase.databaseWebhook(type, record, oldRecord).body)
    results.push(reply.json<{ result: string }>().result)
    heard += 1
  }
  return results
}

let made = 0

/** Somebody new with a confirmed address; told unless it is said otherwise. */
async function join({ isQuiet = false } = {}): Promise<Row> {
  const user_metadata = { full_name: 'Mary Jackson' }
  const { id } = await supabase.signUp({ email: `mary.${(made += 1)}@example.com`, data: user_metadata })
  const row = supabase.confirm(id)
  if (isQuiet) heard = supabase.changes().length
  else await tellNews()
  return row
}

const knownToAirtable = (email: string, status: 'active' | 'disabled' = 'active') =>
  host.app.provisioner.apply([
    {
      type: 'user.upserted',
      upstream: 'airtable',
      externalId: 'recEmployee000001',
      created: false,
      fields: { email, name: 'Employee', status },
      stamp: { at: Date.now(), event: 'read' },
    },
  ])

t.test(
  '"case \'INSERT\': New auth user created - link to employee if needed", once the address is confirmed',
  async (t) => {
    const email = 'employee@example.com'
    await knownToAirtable(email)
    const [before] = await readPeople(sql)
    const { id } = await supabase.signUp({ email, data: { full_name: 'The Employee' } })
    await tellNews()
    t.match(
      await readPeople(sql),
      [{ name: 'Employee' }, { name: 'The Employee' }],
      'anybody can type an address',
    )
    supabase.confirm(id)
    await tellNews()
    const people = await readPeople(sql)
    t.match(people, [{ id: before?.id, email, name: 'The Employee' }])
    t.equal(people.length, 1)
  },
)

t.test('"case \'UPDATE\': Auth user updated - sync changes to employee": address, name, ban', async (t) => {
  const { id, email } = await join()
  t.match(await readPeople(sql), [{ email, name: 'Mary Jackson', status: 'active' }])
  supabase.changeEmail(id, 'mary.new@example.com')
  t.same(await tellNews(), ['processed'])
  t.match(await readPeople(sql), [{ email: 'mary.new@example.com' }])

  const accessToken = await signIn(host, sql, 'mary.new@example.com')
  const me = async () => (await host.get('/api/auth/me', accessToken)).statusCode
  t.equal(await me(), 200)
  supabase.ban(id, '24h')
  t.same(await tellNews(), ['processed'])
  t.match(await readPeople(sql), [{ status: 'disabled' }])
  await until(async () => (await me()) === 401)
  supabase.ban(id, 'none')
  t.same(await tellNews(), ['processed'])
  t.match(await readPeople(sql), [{ status: 'active' }])
})

t.test(
  '"case \'DELETE\': Auth user deleted - mark employee as needing new auth": the employee stays',
  async (t) => {
    const { id, email } = await join()
    await knownToAirtable(email ?? '')
    supabase.hardDelete(id)
    t.same(await tellNews(), ['processed'])
    t.match(await readPeople(sql), [{ email, name: 'Employee', status: 'active' }])
    const left = await sql`
    select upstream, lifecycle -> 'deleted' is not null as "isDeleted" from firstlogin.identities order by upstream`
    t.same(left, [
      { upstream: 'airtable', isDeleted: false },
      { upstream: 'supabase', isDeleted: true },
    ])
  },
)

t.test('whoever is known to Supabase alone is gone with the row, and with a soft deletion', async (t) => {
  const [first, second] = [await join(), await join()]
  supabase.hardDelete(first.id)
  supabase.softDelete(second.id)
  const results = await tellNews()
  t.ok(results.includes('processed'))
  t.same(await readPeople(sql), [])

  await supabase.signUp({ email: second.email ?? '' })
  await tellNews()
  t.match(await readPeople(sql), [{ email: second.email }], 'the address is free for somebody new')
})

t.test('a sign-in is noise, and so are other tables', async (t) => {
  const { id } = await join()
  supabase.signIn(id)
  t.same(await tellNews(), ['ignored'])
  const elsewhere = { type: 'INSERT', schema: 'public', table: 'todos', record: { id: 1 }, old_record: null }
  const reply = await post(JSON.stringify(elsewhere))
  t.match([reply.statusCode, reply.json()], [200, { result: 'ignored' }])
  t.equal((await readPeople(sql)).length, 1)
})

t.test('the echo of a write of our own is no news', async (t) => {
  const before = await join()
  const { email, email_confirmed_at } = before
  const mark = digestOf({
    email: email ?? '',
    emailVerified: email_confirmed_at !== null,
    name: 'Written here',
  })
  const record = {
    ...before,
    raw_user_meta_data: { full_name: 'Written here' },
    raw_app_meta_data: { ...before.raw_app_meta_data, firstlogin: mark },
    updated_at: new Date(Date.now() + 1000).toISOString(),
  }
  const update = (own: object) => post(supabase.databaseWebhook('UPDATE', { ...record, ...own }, before).body)
  t.match((await update({})).json(), { result: 'ignored' })
  t.match(await readPeople(sql), [{ name: 'Mary Jackson' }])
  const theirs = await update({ raw_user_meta_data: { full_name: 'Somebody else’s word' } })
  t.match(theirs.json(), { result: 'processed' }, 'the mark stays, and what others write is news')
  t.match(await readPeople(sql), [{ name: 'Somebody else’s word' }])
})

t.test('one change told twice is one event, whether at once or one after the other', async (t) => {
  const row = await join({ isQuiet: true })
  const { body } = supabase.databaseWebhook('INSERT', row, null)
  const replies = await Promise.all(Array.from({ length: 6 }, () => post(body)))
  const results = replies.map((reply) => reply.json<{ result: string }>().result)
  t.same(results.sort(), ['processed', ...Array.from({ length: 5 }, () => 'replayed')])
  t.match((await post(body)).json(), { result: 'replayed' })
  t.equal((await readEvents(sql)).length, 1)
})

t.test('two updates that arrive in the wrong order end as they were made', async (t) => {
  const { id } = await join()
  supabase.changeEmail(id, 'first@example.com')
  supabase.changeEmail(id, 'second@example.com')
  const [first, second] = supabase.changes().slice(heard)
  heard += 2
  for (const change of [second, first])
    await post(supabase.databaseWebhook('UPDATE', change?.record ?? null, change?.oldRecord ?? null).body)
  t.match(await readPeople(sql), [{ email: 'second@example.com' }])
})

t.test('no secret of a row is kept or logged', async (t) => {
  const row = await join({ isQuiet: true })
  const secrets = {
    encrypted_password: '$2a$10$SECRETOFTHEPASSWORD',
    confirmation_token: 'SECRETOFTHECONFIRMATION',
    recovery_token: 'SECRETOFTHERECOVERY',
    reauthentication_token: 'SECRETOFTHEREAUTHENTICATION',
    email_change_token_new: 'SECRETOFTHECHANGE',
    raw_app_meta_data: { stripe: 'SECRETOFTHEAPP' },
    raw_user_meta_data: { full_name: 'Mary', diary: 'SECRETOFTHEUSER' },
  }
  const told = supabase.databaseWebhook('UPDATE', { ...row, ...secrets }, { ...row, ...secrets, email: null })
  t.match((await post(told.body)).json(), { result: 'processed' })
  // One that fails is kept as well.
  const odd = { ...row, ...secrets, id: 'has spaces' }
  t.equal((await post(supabase.databaseWebhook('INSERT', odd, null).body)).statusCode, 400)
  const kept = await sql`
    select (select jsonb_agg(e) from firstlogin.inbound_events e) as events,
      (select jsonb_agg(i) from firstlogin.identities i) as identities, (select jsonb_agg(u) from firstlogin.users u) as users`
  t.match(JSON.stringify(kept), 'Mary')
  t.notMatch(JSON.stringify(kept), /SECRETOF/)
  t.notMatch(host.logText(), new RegExp(`SECRETOF|${bearer}`))
})

t.test('without the bearer secret it is 401 before anything is told', async (t) => {
  const row = await join({ isQuiet: true })
  const { body } = supabase.databaseWebhook('INSERT', row, null)
  const wrong = ['', 'Bearer another-secret-of-the-trigger', bearer, `Basic ${bearer}`, `Bearer ${bearer}x`]
  for (const said of wrong) {
    for (const sent of [body, 'not JSON']) {
      const reply = await post(sent, said ? { authorization: said } : {})
      t.equal(reply.statusCode, 401)
      t.match(reply.json(), { code: 'FL_SIGNATURE_INVALID' })
    }
  }
  t.same(await readEvents(sql), [])
})

const keyOf = (secret: string) => new Webhook(secret.replace('v1,whsec_', ''))

/** The call before somebody is made, signed by the standard's own package. */
function ask(email: string, own: { app?: typeof host; secrets?: string[]; id?: string; name?: string } = {}) {
  const { app = host, secrets = [hookSecret], id = randomUUID(), name = 'before-user-created' } = own
  const at = new Date()
  const body = JSON.stringify({ metadata: { uuid: randomUUID(), name }, user: { email, role: '' } })
  return app.post('/api/sync/supabase/hooks', body, {
    'webhook-id': id,
    'webhook-timestamp': `${Math.floor(at.getTime() / 1000)}`,
    'webhook-signature': secrets.map((secret) => keyOf(secret).sign(id, at, body)).join(', '),
  })
}

type Answer = Awaited<ReturnType<typeof ask>>
/** With any other status than 200 Supabase throws the answer away. */
const isAnswer = ({ statusCode, headers }: Answer) =>
  statusCode === 200 && String(headers['content-type']).startsWith('application/json')
const isAllowed = (reply: Answer) => isAnswer(reply) && reply.body === '{}'
const isRefused = (reply: Answer) =>
  isAnswer(reply) && reply.json<{ error?: { http_code: number } }>().error?.http_code === 403

t.test(
  'the hook lets strangers and active people sign up, and refuses who is disabled, always by a 200',
  async (t) => {
    t.ok(isAllowed(await ask('stranger@example.com')))
    await knownToAirtable('known@example.com')
    t.ok(isAllowed(await ask('Known@Example.com')))
    await knownToAirtable('known@example.com', 'disabled')
    t.ok(isRefused(await ask('known@example.com')))
    t.ok(isRefused(await ask('no address at all')))
    t.same(await readEvents(sql), [], 'a question is no event')
  },
)

t.test('with SUPABASE_SIGNUPS=known strangers are refused, and nobody learns more than that', async (t) => {
  const app = await world.start('supabase', { SUPABASE_SIGNUPS: 'known' })
  await knownToAirtable('employee@example.com')
  t.ok(isAllowed(await ask('employee@example.com', { app })))
  const [stranger, nobody] = [await ask('stranger@example.com', { app }), await ask('', { app })]
  t.ok(isRefused(stranger))
  t.ok(isRefused(nobody))
  await knownToAirtable('employee@example.com', 'disabled')
  t.equal((await ask('employee@example.com', { app })).body, stranger.body)
})

t.test(
  'several signatures joined by ", " fit if one of them does, and every attempt has an id of its own',
  async (t) => {
    const old = 'v1,whsec_YW4tb2xkLXNlY3JldC1vZi0zMi1ieXRlcy1vci1zby0='
    t.ok(isAllowed(await ask('stranger@example.com', { secrets: [old, hookSecret] })))
    t.ok(isAllowed(await ask('stranger@example.com', { secrets: [hookSecret, old] })))
    const reply = await ask('stranger@example.com', { secrets: [old] })
    t.equal(reply.statusCode, 401)
    const row = await join({ isQuiet: true })
    const call = supabase.authHook('before-user-created', row)
    for (const attempt of [call, call.retry(), call.retry()])
      t.ok(isAllowed(await host.post('/api/sync/supabase/hooks', attempt.body, attempt.headers)))
  },
)

t.test('another hook of Supabase is refused, and an unsigned question is not answered', async (t) => {
  t.equal((await ask('stranger@example.com', { name: 'send-email' })).statusCode, 400)
  const body = JSON.stringify({ metadata: { name: 'before-user-created' }, user: { email: 'a@example.com' } })
  t.equal((await host.post('/api/sync/supabase/hooks', body, { authorization })).statusCode, 401)
})

t.test(
  'while Supabase cannot be asked, strangers may sign up where anybody may, and others try again',
  async (t) => {
    const app = await world.start('supabase', { SUPABASE_SIGNUPS: 'known' })
    await knownToAirtable('employee@example.com')
    supabase.setFault({ kind: 'error_500' })
    t.ok(isAllowed(await ask('newcomer@example.com')))
    t.ok(isAllowed(await ask('employee@example.com', { app })), 'who is known here needs nobody else')
    const reply = await ask('newcomer@example.com', { app })
    t.equal(reply.statusCode, 503)
    t.ok(Number(reply.headers['retry-after']) > 0)
    supabase.heal()
  },
)
