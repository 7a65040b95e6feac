import { Webhook as StandardWebhook } from 'standardwebhooks'
import t from 'tap'
import { Value } from 'typebox/value'
import { canonicalEmail } from '../../../domain/email.ts'
import { SupabaseEnv } from '../../../upstreams/supabase/env.ts'
import supabase from '../../../upstreams/supabase/index.ts'
import type { Http, Lookup } from '../../../upstreams/upstream.ts'
import { until } from '../../support/until.ts'
import { createUpstream, hookSecret, now, openUpstream, readFixture } from './opened.ts'

const ada = '0a5f0c5e-6f0e-4b0c-9d3b-0f5d9a1c0001'
const nobody = '0a5f0c5e-6f0e-4b0c-9d3b-0f5d9a1c0099'

const byEmail = (lookup: Lookup, email: string) =>
  lookup.find(() => ({ emails: [canonicalEmail(email)], externalIds: [] }))
const byId = (lookup: Lookup, id: string) => lookup.find(() => ({ emails: [], externalIds: [id] }))

/** Users with nothing but an address, the first one the newest. */
function usersOf(emails: string[]) {
  return emails.map((email, index) => ({
    id: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
    email,
    email_confirmed_at: '2026-02-03T08:00:00+00:00',
    created_at: new Date(now - index * 1000).toISOString().replace('Z', '+00:00'),
  }))
}

t.test('somebody is found by id and by address, as of the moment of the read', async (t) => {
  const { lookup, standIn } = await openUpstream(t, { clock: () => now })
  const expected = {
    type: 'user.upserted',
    upstream: 'supabase',
    externalId: ada,
    isAccount: true,
    fields: {
      email: 'ada@example.com',
      emailVerified: true,
      name: 'Ada Lovelace',
      avatarUrl: null,
      status: 'active',
      role: 'admin',
      organizations: [],
    },
    created: false,
    readAt: now,
    stamp: { at: Date.parse('2026-02-03T08:15:30.123Z'), event: 'read 2026-09-02T12:00:00.000Z' },
  }
  t.strictSame(await byId(lookup, ada), [expected])
  t.strictSame(await byEmail(lookup, 'Ada@Example.com'), [expected])
  t.match(await byEmail(lookup, 'katherine@example.com'), [
    { isUnverified: true, fields: { name: 'Katherine Johnson' } },
  ])
  t.strictSame(await byId(lookup, nobody), [])
  t.strictSame(await byId(lookup, 'rec-of-somebody/else'), [])
  t.strictSame(await byEmail(lookup, 'nobody@example.com'), [])
  t.strictSame(await lookup.find(() => undefined), [], 'whose question has been answered')
  standIn.ban(ada, '1h')
  t.match(await byId(lookup, ada), [{ fields: { status: 'disabled' } }])
  standIn.softDelete(ada)
  t.strictSame(await byId(lookup, ada), [], 'a deletion that left its row')
})

t.test('a legacy key is a bearer, too, and a secret key is none', async (t) => {
  const { lookup, standIn } = await openUpstream(t, { key: 'legacy' })
  t.match(await byId(lookup, ada), [{ externalId: ada }])
  const sent: Record<string, string>[] = []
  const http: Http = async ({ headers }) => {
    sent.push(headers)
    return { status: 404, headers: {}, body: '{"code":"user_not_found"}' }
  }
  for (const key of ['sb_secret_a_b', standIn.serviceRoleKey])
    await byId(createUpstream({ SUPABASE_SECRET_KEY: key }, { http }).lookup, ada)
  t.match(sent[0], { apikey: 'sb_secret_a_b', authorization: undefined })
  t.match(sent[1], { apikey: standIn.serviceRoleKey, authorization: `Bearer ${standIn.serviceRoleKey}` })
})

t.test('an address is compared letter by letter, on every page that the filter gives', async (t) => {
  const others = Array.from(
    { length: 100 },
    (_, index) => `a${index % 10}b${'x'.repeat(Math.floor(index / 10))}@example.com`,
  )
  const odd = ['back\\slash@example.com', 'müller@bücher.example', 'a%b@example.com']
  const users = usersOf([...others.map((email, index) => `${index}${email}`), 'a_b@example.com', ...odd])
  const users2 = users.map((user, index) =>
    index < 100 ? { ...user, raw_user_meta_data: { full_name: 'a_b@example.com' } } : user,
  )
  const { lookup, standIn } = await openUpstream(t, { users: users2 })
  t.match(await byEmail(lookup, 'a_b@example.com'), [{ fields: { email: 'a_b@example.com' } }])
  t.equal(standIn.calls().total, 2)
  for (const email of odd) {
    const found = await byEmail(lookup, email)
    t.equal(found.length, 1, email)
    t.match(found, [{ fields: { email } }])
  }
})

t.test('an address with a percent sign fits no more than itself and its like', async (t) => {
  const others = Array.from({ length: 350 }, (_, index) => `zu${index}uz@gmail.com`)
  const { lookup, standIn } = await openUpstream(t, { users: usersOf([...others, 'z%%z@gmail.com']) })
  t.match(await byEmail(lookup, 'z%%z@gmail.com'), [{ fields: { email: 'z%%z@gmail.com' } }])
  t.equal(standIn.calls().total, 1)
})

t.test('an address that fits too many is as if Supabase could not be asked, after five calls', async (t) => {
  const users = usersOf(Array.from({ length: 620 }, (_, index) => `user${index}@gmail.com`))
  const { lookup, standIn, logged } = await openUpstream(t, { users })
  for (const email of ['_@gmail.com', '%@gmail.com', 'ü@gmail.com']) {
    const before = standIn.calls().total
    await t.rejects(byEmail(lookup, email), { code: 'FL_UPSTREAM_UNAVAILABLE' }, email)
    t.equal(standIn.calls().total - before, 5)
  }
  t.match(logged, [{ event: 'lookup.too_many' }, {}, {}])
  t.notMatch(JSON.stringify(logged), '@gmail')
})

t.test('a ban that SQL wrote is as new as its read, and its end is the time that it named', async (t) => {
  let clock = now
  const [user] = usersOf(['ada@example.com'])
  const updated_at = '2026-02-03T08:15:30.123+00:00'
  const until = now + 60_000
  const users = [
    { ...user, id: ada, updated_at, banned_until: new Date(until).toISOString() },
    { id: nobody, email: 'forever@example.com', updated_at, banned_until: 'infinity' },
  ]
  const { lookup, directory } = await openUpstream(t, { users, clock: () => clock })
  const banned = { fields: { status: 'disabled' }, stamp: { at: now } }
  t.match(await byId(lookup, ada), [banned])
  t.match(await byId(lookup, nobody), [banned])
  t.match(await directory.readPage(undefined), { changes: [banned, banned] })
  clock = until + 5000
  t.match(await byId(lookup, ada), [{ fields: { status: 'active' }, stamp: { at: until } }])
})

t.test('users of SSO with an address of others are nobody that is vouched for', async (t) => {
  const [user] = usersOf(['ada@example.com'])
  const provider = 'sso:6a1f5c7e-0000-4000-8000-000000000001'
  const sso = {
    id: nobody,
    email: 'ada@example.com',
    email_confirmed_at: '2026-02-03T08:00:00+00:00',
    is_sso_user: true,
    raw_app_meta_data: { provider, providers: [provider] },
  }
  const { lookup } = await openUpstream(t, { users: [{ ...user, id: ada }, sso] })
  const found = await byEmail(lookup, 'ada@example.com')
  t.equal(found.find(({ externalId }) => externalId === ada)?.isUnverified, undefined)
  t.equal(found.find(({ externalId }) => externalId === nobody)?.isUnverified, true)
  t.match(await byId(lookup, nobody), [{ isUnverified: true }])
})

t.test(
  'everybody is listed page by page, up to a short one, without those who left only a row',
  async (t) => {
    const emails = Array.from({ length: 1001 }, (_, index) => `user${index}@example.com`)
    const users = usersOf(emails)
    const { directory, standIn } = await openUpstream(t, { users })
    standIn.softDelete(users[5]?.id ?? '')
    standIn.hardDelete(users[6]?.id ?? '')
    const seen = new Set<string>()
    let pages = 0
    let size = 0
    let from: string | undefined
    do {
      const page = await directory.readPage(from)
      if (page === 'expired') throw new Error('A listing has no end here.')
      for (const change of page.changes) if (change.type === 'user.upserted') seen.add(change.externalId)
      pages += 1
      size += page.size
      from = page.next
    } while (from !== undefined && pages < 20)
    t.equal(pages, 11, 'its own counter goes beyond nine, and an empty page is a short one')
    t.strictSame([seen.size, size], [999, 999])
    const asked = [users[5], users[6], users[7]].map((user) => user?.id ?? '')
    t.strictSame(await directory.findExisting('user', [...asked, nobody, 'odd id']), [users[7]?.id])
    t.strictSame(directory.kinds, ['user'])
  },
)

t.test('a fault is no answer: nobody is unknown because of it', async (t) => {
  const { lookup, standIn, logged } = await openUpstream(t, { clock: Date.now })
  for (const kind of ['error_500', 'unauthorized', 'malformed'] as const) {
    standIn.setFault({ kind })
    await t.rejects(byEmail(lookup, 'ada@example.com'), { code: 'FL_UPSTREAM_UNAVAILABLE' }, kind)
    standIn.heal()
    await until(() =>
      byId(lookup, ada).then(
        ({ length }) => length === 1,
        () => false,
      ),
    )
  }
  t.match(logged.map(({ reason }) => reason).slice(0, 2), ['500 unexpected_failure', '401 no_authorization'])
  t.notMatch(JSON.stringify(logged), 'ada@')
  standIn.setFault({ kind: 'rate_limit' })
  await t.rejects(byId(lookup, ada), { code: 'FL_UPSTREAM_UNAVAILABLE' })
  standIn.heal()
  const before = standIn.calls().total
  await t.rejects(byId(lookup, ada), { code: 'FL_UPSTREAM_UNAVAILABLE' }, 'and a limit is kept to')
  t.equal(standIn.calls().total, before)
})

t.test('a hook is verified whatever its secrets and attempts', async (t) => {
  const old = 'v1,whsec_YW4tb2xkLXNlY3JldC1vZi0zMi1ieXRlcy1vci1zby0='
  const { signUpHook, standIn } = await openUpstream(t, { hookSecret: `${old}|${hookSecret}` })
  const [row] = standIn.rows()
  if (!row) throw new Error('There is no row.')
  const call = standIn.authHook('before-user-created', row)
  t.match(call.headers['webhook-signature'], ', v1,', 'the old secret signs first')
  for (const { body, headers } of [call, call.retry(), call.retry().retry()]) {
    t.doesNotThrow(() => signUpHook.verify(Buffer.from(body), headers))
    t.equal(signUpHook.read(JSON.parse(body)), 'ada@example.com')
    const flipped = Buffer.from(body.replace('ada@', 'adb@'))
    t.throws(() => signUpHook.verify(flipped, headers), { code: 'FL_SIGNATURE_INVALID' })
  }
  const stranger = createUpstream({ SUPABASE_HOOK_SECRET: `${old.slice(0, -8)}AAAAAAA=` })
  t.throws(() => stranger.signUpHook.verify(Buffer.from(call.body), call.headers), {
    code: 'FL_SIGNATURE_INVALID',
  })
  t.throws(() => signUpHook.verify(Buffer.from(call.body), {}), { code: 'FL_SIGNATURE_INVALID' })

  const body = JSON.stringify(await readFixture<object>('before-user-created'))
  const at = new Date()
  const signature = new StandardWebhook(hookSecret.replace('v1,whsec_', '')).sign('msg_1', at, body)
  const seconds = String(Math.floor(at.getTime() / 1000))
  const headers = { 'webhook-id': 'msg_1', 'webhook-timestamp': seconds, 'webhook-signature': signature }
  t.doesNotThrow(() => signUpHook.verify(Buffer.from(body), headers), 'as the library signs it')
  t.equal(signUpHook.read(JSON.parse(body)), 'new@example.com')
})

t.test('a hook asks about whoever wants to sign up, and about nothing else', async (t) => {
  const { signUpHook } = createUpstream()
  const metadata = { uuid: 'u', name: 'before-user-created' }
  t.equal(signUpHook.read({ metadata, user: { email: '', is_anonymous: true } }), undefined)
  t.equal(signUpHook.read({ metadata, user: { email: null } }), undefined)
  const odd = [
    null,
    {},
    { metadata, user: null },
    { metadata: { name: 'send-email' }, user: { email: 'a@b.c' } },
  ]
  for (const body of odd) t.throws(() => signUpHook.read(body), { code: 'FL_PAYLOAD_INVALID' })
  t.strictSame(signUpHook.answers.allowed, {})
  t.strictSame(signUpHook.answers.refused('No.'), { error: { http_code: 403, message: 'No.' } })
  t.equal(signUpHook.onlyKnown, false)
  t.equal(createUpstream({ SUPABASE_SIGNUPS: 'known' }).signUpHook.onlyKnown, true)
})

t.test('settings are what Supabase shows; without a secret there is no door', async (t) => {
  const good = {
    SUPABASE_URL: 'https://project.supabase.co',
    SUPABASE_SECRET_KEY: 'sb_secret_x_y',
    SUPABASE_SIGNUPS: 'known',
    SUPABASE_ROLE_MAP: {},
  }
  const isGood = (changed: object) => Value.Check(SupabaseEnv, { ...good, ...changed })
  t.ok(isGood({}))
  t.ok(isGood({ SUPABASE_HOOK_SECRET: `${hookSecret}|${hookSecret}`, SUPABASE_SECRET_KEY: 'eyJh.eyJy.c2ln' }))
  for (const changed of [
    { SUPABASE_URL: 'https://project.supabase.co/auth/v1' },
    { SUPABASE_SECRET_KEY: 'sb_publishable_x' },
    { SUPABASE_WEBHOOK_SECRET: ['short'] },
    { SUPABASE_WEBHOOK_SECRET: [] },
    { SUPABASE_HOOK_SECRET: 'v1,whsec_' },
    { SUPABASE_HOOK_SECRET: `${hookSecret}|` },
    { SUPABASE_SIGNUPS: 'nobody' },
  ])
    t.notOk(isGood(changed), JSON.stringify(changed))
  const settings = Value.Parse(SupabaseEnv, good)
  const { context } = createUpstream()
  t.strictSame(Object.keys(supabase.create(settings, context)), ['lookup', 'directory'])
  t.equal(supabase.gateOf(settings), 'project.supabase.co')
})
