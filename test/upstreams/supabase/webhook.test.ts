import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { compareStamps } from '../../../domain/stamp.ts'
import { createSupabaseStandIn } from '../../../sandbox/supabase/stand-in.ts'
import { digestOf } from '../../../upstreams/supabase/echo.ts'
import type { WebhookEvent } from '../../../upstreams/upstream.ts'
import { createEmptyDatabase } from '../../support/database.ts'
import { type Body, createUpstream, now, readFixture, webhookSecret } from './opened.ts'

const ada = '8d0fd2b3-9ca7-4d9e-a95f-9e13dded323e'

/** What one row says when it is inserted. */
function readRow(columns: Record<string, unknown>, env: Parameters<typeof createUpstream>[0] = {}) {
  const record = { id: ada, updated_at: '2026-09-01T10:00:00+00:00', email: 'ada@example.com', ...columns }
  const body = { type: 'INSERT', schema: 'auth', table: 'users', record, old_record: null }
  const [change] = createUpstream(env).read(body).changes
  if (change?.type !== 'user.upserted') throw new Error('There is no change.')
  return change
}

t.test('only the secret of the trigger opens the door, the old one too while it is replaced', async (t) => {
  const other = 'another-secret-of-the-trigger'
  const { webhook } = createUpstream({ SUPABASE_WEBHOOK_SECRET: [other, webhookSecret] })
  const say = (authorization?: string | string[]) => () =>
    webhook.verify(Buffer.from('{}'), authorization === undefined ? {} : { authorization })
  t.strictSame(say(`Bearer ${webhookSecret}`)(), { dialect: 'bearer' })
  t.strictSame(say(`bearer ${other}`)(), { dialect: 'bearer' })
  const wrong = [
    undefined,
    webhookSecret,
    `Bearer ${webhookSecret}x`,
    `Bearer ${webhookSecret.slice(1)}`,
    'Bearer ',
    [`Bearer ${other}`],
  ]
  for (const said of wrong) t.throws(say(said), { code: 'FL_SIGNATURE_INVALID' })
})

t.test(
  'somebody who has signed up is told with what they wrote of themselves, and vouched for by nobody',
  async (t) => {
    const body = await readFixture('users-insert')
    const { read } = createUpstream()
    const event = read(body)
    t.match(event, { type: 'auth.users.insert', occurredAt: Date.parse('2026-09-01T10:00:00.011Z') })
    t.match(event.id, /^[0-9a-f]{64}$/)
    t.strictSame(event.changes, [
      {
        type: 'user.upserted',
        upstream: 'supabase',
        externalId: body.record?.['id'],
        isAccount: true,
        isUnverified: true,
        created: true,
        stamp: { at: event.occurredAt, event: `250 ${event.id}` },
        fields: {
          email: 'new@example.com',
          emailVerified: false,
          name: 'New Comer',
          avatarUrl: null,
          status: 'active',
          organizations: [],
        },
      },
    ])
    t.equal(read(await readFixture('users-insert')).id, event.id, 'the same body is the same event')
    t.not(read({ ...body, record: { ...body.record, email: 'x@example.com' } }).id, event.id)
  },
)

t.test('an update tells all of the row, with the role that administrators gave', async (t) => {
  const { read } = createUpstream({ SUPABASE_ROLE_MAP: { Boss: 'owner' } })
  const body = await readFixture('users-update')
  const [change] = read(body).changes
  t.match(change, {
    created: false,
    stamp: { at: Date.parse('2026-09-01T10:00:00.006Z'), event: /^250 / },
    fields: {
      email: 'ada@lovelace.example',
      emailVerified: true,
      name: 'Ada Lovelace',
      avatarUrl: 'https://example.com/ada.png',
      status: 'active',
      role: 'admin',
    },
  })
  t.notOk(change && 'isUnverified' in change)
  const withApp = (raw_app_meta_data: unknown) =>
    readRow({ raw_app_meta_data }, { SUPABASE_ROLE_MAP: { Boss: 'owner' } })
  t.equal(withApp({ role: ' boss ' }).fields.role, 'owner')
  t.equal(withApp({ role: 'Member' }).fields.role, 'member')
  t.equal(withApp({ role: 'emperor' }).fields.role, 'viewer')
  t.equal(withApp({ role: { admin: true } }).fields.role, 'viewer')
  t.notOk(
    'role' in readRow({ raw_user_meta_data: { role: 'admin' }, role: 'service_role' }).fields,
    'nobody gives one to themselves',
  )
  const [demoted] = read({ ...body, record: { ...body.record, raw_app_meta_data: {} } }).changes
  t.match(demoted, { fields: { role: 'viewer' } }, 'a role that is taken away')
})

t.test('an address counts when it was confirmed, and belongs to one user', async (t) => {
  const at = '2026-08-20T10:54:52+00:00'
  const told = (columns: Record<string, unknown>) => {
    const { fields, isUnverified } = readRow(columns)
    return [fields.email, fields.emailVerified, isUnverified ?? false]
  }
  t.strictSame(told({ email_confirmed_at: at }), ['ada@example.com', true, false])
  t.strictSame(
    told({ confirmed_at: at, phone_confirmed_at: at }),
    ['ada@example.com', false, true],
    'a phone was',
  )
  t.strictSame(told({ email_confirmed_at: at, is_sso_user: true }), ['ada@example.com', false, true])
  t.strictSame(told({ email: null, is_anonymous: true }), ['', false, false], 'an anonymous user')
  t.strictSame(told({ email: '', phone: '4915112345', email_confirmed_at: null }), ['', false, false])
  t.strictSame(told({ email: 'nobody', email_confirmed_at: at }), ['', true, false])
})

t.test('a ban counts while it lasts', async (t) => {
  const { read } = createUpstream()
  const [banned] = read(await readFixture('users-ban')).changes
  t.match(banned, { type: 'user.upserted', fields: { status: 'disabled' } })
  const statusUntil = (banned_until: string | null) => readRow({ banned_until }).fields.status
  t.equal(statusUntil(null), 'active')
  t.equal(statusUntil(new Date(now - 1).toISOString()), 'active', 'it is over')
  t.equal(statusUntil(new Date(now + 1).toISOString()), 'disabled')
  t.equal(statusUntil('infinity'), 'disabled', 'as SQL may write it')
  t.equal(statusUntil('-infinity'), 'active')
  t.equal(statusUntil('12026-01-01T00:00:00+00:00'), 'disabled', 'what cannot be read has not passed')
})

t.test('a profile is shown as far as it is text and lies in the web', async (t) => {
  const shown = (raw_user_meta_data: unknown) => {
    const { name, avatarUrl } = readRow({ raw_user_meta_data }).fields
    return [name, avatarUrl]
  }
  t.strictSame(shown({ full_name: 'A', name: 'B', picture: 'https://x.y/z' }), ['A', 'https://x.y/z'])
  t.strictSame(shown({ full_name: '', name: ' B ', first_name: 'C' }), ['B', null])
  t.strictSame(shown({ first_name: 'C', last_name: 'D', avatar_url: 'javascript:alert(1)' }), ['C D', null])
  for (const odd of [null, [], 'text', { full_name: { evil: 1 } }, { name: 7 }])
    t.strictSame(shown(odd), [null, null])
  t.strictSame(shown({ name: 'nul\0 \ud800' })[0], 'nul\ufffd \ufffd')
})

t.test('a soft deletion is one, stamped by its time, whatever stands where the address was', async (t) => {
  const { read } = createUpstream()
  const event = read(await readFixture('users-soft-delete'))
  t.strictSame(event.changes, [
    {
      type: 'user.deleted',
      upstream: 'supabase',
      externalId: ada,
      stamp: { at: Date.parse('2026-09-01T10:00:00.018Z'), event: `750 ${event.id}` },
    },
  ])
})

t.test('a deletion is at least as new as the row was, and as its arrival', async (t) => {
  const body = await readFixture('users-delete')
  const event = createUpstream().read(body)
  t.match(event.changes, [{ type: 'user.deleted', stamp: { at: now } }])
  const early = createUpstream({}, { clock: () => 1000 }).read(body)
  t.match(early.changes, [{ stamp: { at: Date.parse(String(body.old_record?.['updated_at'])) } }])
  t.not(early.id, event.id, 'a row may be deleted, restored and deleted again')
})

t.test('what was written past Supabase Auth is as new as its arrival', async (t) => {
  const body = await readFixture('users-update')
  const updated_at = body.old_record?.['updated_at']
  const [change] = createUpstream().read({ ...body, record: { ...body.record, updated_at } }).changes
  t.match(change, { stamp: { at: now }, fields: { email: 'ada@lovelace.example' } })
})

t.test('the same ban again, written past Supabase Auth, is another event and counts', async (t) => {
  const { record } = await readFixture('users-ban')
  const free = { ...record, banned_until: null }
  let clock = now
  const { read, webhook } = createUpstream({}, { clock: () => (clock += 1000) })
  const update = (to: object, from: object) =>
    read({ type: 'UPDATE', schema: 'auth', table: 'users', record: to, old_record: from })
  const events = [update(record ?? {}, free), update(free, record ?? {}), update(record ?? {}, free)]
  t.equal(new Set(events.map(({ id }) => id)).size, 3)
  const told = events.flatMap(({ changes }) => changes.filter(({ type }) => type === 'user.upserted'))
  const [newest] = told.toSorted((a, b) => compareStamps(b.stamp, a.stamp))
  t.match(newest, { fields: { status: 'disabled' }, stamp: { at: now + 3000 } })
  for (const event of events)
    t.strictSame(await webhook.read(event.payload, { dialect: 'kept', messageId: event.id }), event)
  const moved = { ...record, updated_at: '2026-09-01T13:00:00+00:00' }
  t.equal(update(moved, free).id, update(moved, free).id, 'what has a time of its own is told once')
})

t.test('a sign-in is noise, and so are other tables, schemas and statements', async (t) => {
  const { read } = createUpstream()
  const signIn = read(await readFixture('users-sign-in'))
  t.match(signIn, { type: 'auth.users.update', id: /^[0-9a-f]{64}$/ })
  t.strictSame(signIn.changes, [])
  const body = await readFixture('users-update')
  for (const other of [{ table: 'sessions' }, { schema: 'public' }, { type: 'TRUNCATE' }]) {
    const ignored = read({ ...body, ...other })
    t.strictSame(ignored.changes, [])
    t.notMatch(JSON.stringify(ignored.payload), 'ada@', 'and nothing of it is kept')
    t.equal(read({ ...body, ...other }).id, ignored.id)
  }
})

t.test('what is not the change of a row is refused', async (t) => {
  const { read } = createUpstream()
  const body = await readFixture('users-update')
  const odd = [
    null,
    [],
    'text',
    {},
    { ...body, record: null },
    { ...body, record: { email: 'x@y.z' } },
    { ...body, record: { id: 'a b' } },
  ]
  for (const one of [...odd, { ...body, type: 'DELETE', old_record: null }])
    t.throws(() => read(one), { code: 'FL_PAYLOAD_INVALID' })
})

t.test('of two updates within a millisecond the later one wins, in whatever order they arrive', async (t) => {
  const { read } = createUpstream()
  const body = await readFixture('users-update')
  const stampOf = (time: string) => {
    const [change] = read({ ...body, record: { ...body.record, updated_at: time } }).changes
    return change?.stamp ?? { at: 0, event: '' }
  }
  const times = [
    '10:00:00.123+00:00',
    '10:00:00.123009+00:00',
    '10:00:00.12301+00:00',
    '10:00:00.1231+00:00',
    '12:00:00.1232+02:00',
  ]
  const stamps = times.map((time) => stampOf(`2026-09-01T${time}`))
  t.equal(new Set(stamps.map(({ at }) => at)).size, 1)
  t.strictSame(stamps.toReversed().sort(compareStamps), stamps)
  t.strictSame(
    stamps.map(({ event }) => event.split(' ')[0]),
    ['000', '009', '010', '100', '200'],
  )
})

t.test('no secret of a row is in what is told, kept or logged', async (t) => {
  const { read, logged } = createUpstream()
  const secret = () => randomBytes(16).toString('hex')
  const hidden = {
    encrypted_password: `$2a$10$${secret()}`,
    confirmation_token: secret(),
    recovery_token: secret(),
    email_change_token_new: secret(),
    email_change_token_current: secret(),
    phone_change_token: secret(),
    reauthentication_token: secret(),
    email_change: `${secret()}@example.com`,
    phone: secret(),
    instance_id: secret(),
    aud: secret(),
  }
  const body = await readFixture('users-update')
  const fill = (row: Body['record']) => ({
    ...row,
    ...hidden,
    raw_app_meta_data: { role: 'admin', api_token: hidden.phone },
    raw_user_meta_data: { name: 'Ada', pin: hidden.instance_id },
  })
  for (const type of ['INSERT', 'UPDATE', 'DELETE'])
    for (const table of ['users', 'identities']) {
      const event = read({
        ...body,
        type,
        table,
        record: fill(body.record),
        old_record: fill(body.old_record),
        token: hidden.aud,
      })
      const told = JSON.stringify([event, logged])
      for (const [name, value] of Object.entries(hidden))
        t.notOk(told.includes(value), `${type} ${table} ${name}`)
    }
})

t.test('what was kept of an event is the same event again, whenever it is read', async (t) => {
  const names = ['insert', 'update', 'ban', 'sign-in', 'soft-delete', 'delete']
  for (const name of names) {
    const event = createUpstream().read(await readFixture(`users-${name}`))
    const { webhook } = createUpstream({}, { clock: () => now + 400 * 86_400_000 })
    const kept: unknown = JSON.parse(JSON.stringify(event.payload))
    const again = await webhook.read(kept, { dialect: 'kept', messageId: event.id })
    t.strictSame(again, event, name)
  }
  const other = createUpstream().read({ type: 'INSERT', schema: 'public', table: 'notes', record: { id: 1 } })
  t.strictSame(
    await createUpstream().webhook.read(other.payload, { dialect: 'kept', messageId: other.id }),
    other,
  )
})

t.test('a write of our own comes back as an echo, until somebody changes anything', async (t) => {
  const { read, logged } = createUpstream()
  const standIn = createSupabaseStandIn({ clock: () => now })
  const [row] = standIn.rows()
  if (!row) throw new Error('There is no row.')
  const [told] = read(JSON.parse(standIn.databaseWebhook('INSERT', row, null).body)).changes
  if (told?.type !== 'user.upserted') throw new Error('There is no change.')
  const written = { ...told.fields, name: 'Ada King' }
  const record = {
    ...row,
    updated_at: '2026-09-01T11:00:00+00:00',
    raw_user_meta_data: { full_name: 'Ada King' },
    raw_app_meta_data: { ...row.raw_app_meta_data, firstlogin: digestOf(written) },
  }
  const echo = read({ type: 'UPDATE', schema: 'auth', table: 'users', record, old_record: row })
  t.strictSame(echo.changes, [])
  t.match(logged, [{ event: 'webhook.echo', record: row.id }])
  t.notMatch(JSON.stringify(logged), 'ada@')
  t.not(digestOf({ ...written, status: 'disabled' }), digestOf(written))
  t.equal(digestOf({ ...written, email: 'ADA@Example.com' }), digestOf(written), 'as Supabase writes it')

  const later = { ...record, updated_at: '2026-09-01T12:00:00+00:00', email: 'ada@elsewhere.example' }
  const [change] = read({
    type: 'UPDATE',
    schema: 'auth',
    table: 'users',
    record: later,
    old_record: record,
  }).changes
  t.match(change, { type: 'user.upserted' })
  t.strictSame(
    change?.type === 'user.upserted' && change.fields,
    { email: 'ada@elsewhere.example', emailVerified: true, organizations: [] },
    'a row that we write tells what changed and no more',
  )
})

t.test('statements of one write tell nothing but what was written', async (t) => {
  const { read } = createUpstream()
  const standIn = createSupabaseStandIn({ clock: () => now })
  const [row] = standIn.rows()
  if (!row) throw new Error('There is no row.')
  const url = await standIn.listen()
  t.teardown(standIn.close)
  const written = {
    email: 'ada@new.example',
    emailVerified: true,
    name: 'Ada King',
    avatarUrl: null,
    status: 'disabled',
    role: 'viewer',
  } as const
  const put = (body: object) =>
    fetch(`${url}/auth/v1/admin/users/${row.id}`, {
      method: 'PUT',
      headers: { apikey: standIn.secretKey },
      body: JSON.stringify(body),
    })
  await put({ app_metadata: { firstlogin: digestOf(written) } })
  await put({
    email: written.email,
    app_metadata: { role: 'viewer' },
    user_metadata: { full_name: 'Ada King' },
    ban_duration: '24h',
  })
  const told = standIn.changes().flatMap(({ type, record, oldRecord }) => {
    const { body } = standIn.databaseWebhook(type, record, oldRecord)
    return read(JSON.parse(body)).changes.map((change) =>
      change.type === 'user.upserted' ? change.fields : {},
    )
  })
  t.strictSame(told, [
    { email: written.email, emailVerified: true, organizations: [] },
    { role: 'viewer', organizations: [] },
    { name: 'Ada King', organizations: [] },
  ])
})

t.test('the trigger of the guide tells a database as it is, and keeps its secrets there', async (t) => {
  const { sql } = await createEmptyDatabase(t)
  await sql.unsafe(`
    create schema auth; create schema net; create schema vault;
    create table auth.users (
      id uuid primary key, email text, encrypted_password text, email_confirmed_at timestamptz, last_sign_in_at timestamptz,
      raw_user_meta_data jsonb, raw_app_meta_data jsonb, is_sso_user boolean not null default false, banned_until timestamptz,
      deleted_at timestamptz, created_at timestamptz, updated_at timestamptz);
    create table vault.decrypted_secrets (decrypted_secret text, name text);
    create function vault.create_secret(secret text, name text) returns void language sql
      as 'insert into vault.decrypted_secrets values (secret, name)';
    create table net.posts (id serial, url text, body jsonb, headers jsonb);
    create function net.http_post(url text, body jsonb default '{}', params jsonb default '{}', headers jsonb default '{}',
      timeout_milliseconds int default 1000) returns bigint language sql
      as 'insert into net.posts (url, body, headers) values (url, body, headers) returning id'`)
  const guide = await readFile(new URL('../../fixtures/supabase/trigger.sql', import.meta.url), 'utf8')
  const filled = guide
    .replace(/create extension.*/, '')
    .replace('YOUR_WEBHOOK_SECRET', webhookSecret)
    .replace('YOUR_FIRSTLOGIN_URL', 'https://app.example')
  await sql.unsafe(filled)
  await sql`insert into auth.users (id, email, encrypted_password, updated_at) values
    (${ada}, 'ada@example.com', 'a-hash', '2026-09-01 10:00:00.12305+00')`
  await sql`update auth.users set last_sign_in_at = now(), updated_at = now()`
  await sql`update auth.users set email_confirmed_at = now(), updated_at = '2026-09-01 12:00:00.5+02'`
  await sql`delete from auth.users`
  const posts = await sql<{ url: string; body: unknown; headers: Record<string, string> }[]>`
    select url, body, headers from net.posts order by id`
  const { webhook, read } = createUpstream()
  const events: WebhookEvent[] = posts.map(({ body }) => read(body))
  t.strictSame(
    events.map(({ type }) => type),
    ['auth.users.insert', 'auth.users.update', 'auth.users.delete'],
  )
  t.match(events[0]?.changes, [
    { stamp: { at: Date.parse('2026-09-01T10:00:00.123Z'), event: /^050 / }, isUnverified: true },
  ])
  t.match(events[1]?.changes, [
    { stamp: { at: Date.parse('2026-09-01T10:00:00.500Z') }, fields: { emailVerified: true } },
  ])
  t.match(events[2]?.changes, [{ type: 'user.deleted', externalId: ada }])
  t.equal(posts[0]?.url, 'https://app.example/api/sync/supabase')
  t.same(webhook.verify(Buffer.alloc(0), posts[0]?.headers ?? {}), { dialect: 'bearer' })
  t.notMatch(JSON.stringify(posts), 'a-hash')
  await sql`drop function net.http_post`
  await sql`insert into auth.users (id) values (${ada})`
  t.equal((await sql`select 1 from auth.users`).length, 1, 'and no sign-up fails because of it')
})
