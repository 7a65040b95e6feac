import t from 'tap'
import { createClient } from '../routes/auth/client.ts'
import { createWorld, secret } from '../support/service.ts'

const adas = '$2b$10$khebYwJ5Ojv.tFFwGpD0rOdyrTH1M49VaKcXfPS41cmuzDkimXqxy'

t.test('no log line holds a password, a token, a hash or a secret, even at LOG_LEVEL=trace', async (t) => {
  const world = await createWorld(t)
  const service = await world.start({ LOG_LEVEL: 'trace', REFRESH_GRACE_S: '0' })
  const { app } = service
  const { post, me, refresh } = createClient(app)
  const secrets = new Map(
    Object.entries({ secret, adas, airtable: 'patSandbox.token', database: new URL(world.url).password }),
  )
  const keep = (name: string, text: string) => secrets.set(`${name} ${secrets.size}`, text)

  for (const [email, password] of [
    ['ada@example.com', 'analytical-engine'],
    ['ada@example.com', 'a-wrong-password'],
    ['edsger@example.com', 'goto-considered-harmful'],
    ['nobody@example.com', 'password-of-nobody'],
    ['no address', 'password-without-address'],
    ['alan@example.com', 'password-without-hash'],
    ['twin@example.com', 'two-of-a-kind'],
  ] as const) {
    keep('password', password)
    const reply = await service.login(email, password, { unknown: 'an-unknown-key' })
    if (reply.statusCode !== 200) continue
    keep('access', reply.json().accessToken)
    keep('refresh', reply.json().refreshToken)
  }
  keep('unknown', 'an-unknown-key')

  const jar = await post('login', { email: 'ada@example.com', password: 'analytical-engine', cookie: true })
  for (const { value } of jar.cookies) keep('cookie', value)
  const cookies = Object.fromEntries(jar.cookies.map(({ name, value }) => [name, value]))
  const next = await post('refresh', undefined, { cookies })
  for (const { value } of next.cookies) keep('cookie', value)
  await post('refresh', undefined, { cookies })
  await post('logout', undefined, { cookies, headers: { origin: 'https://evil.example' } })
  await me('an.access.token')
  await refresh('a-made-up-refresh-token')
  keep('made up', 'an.access.token')
  keep('made up', 'a-made-up-refresh-token')
  for (const payload of [
    '{"password":"inside-broken-json"',
    '["inside-an-array"]',
    '{"email":["inside-a-field"]}',
  ])
    await post('login', undefined, { payload, headers: { 'content-type': 'application/json' } })
  for (const text of ['inside-broken-json', 'inside-an-array', 'inside-a-field']) keep('body', text)

  const keys = await world.sql<{ sealed: string }[]>`
    select encode(sealed_private_key, 'hex') as sealed from firstlogin.signing_keys`
  for (const { sealed } of keys) keep('key', sealed)
  const hashes = await world.sql<{ hash: string }[]>`
    select password_hash as hash from firstlogin.users where password_hash is not null
    union select encode(token_hash, 'hex') from firstlogin.sessions`
  for (const { hash } of hashes) keep('hash', hash)

  t.ok(service.log.some((line) => line.event === 'session.reuse_detected') && service.log.length > 30)
  t.ok(secrets.size > 20)
  const text = service.logText()
  // Secrets of tokens alone give them away as well.
  for (const [name, value] of secrets) {
    const parts = /access|cookie/.test(name) ? [value, ...value.split('.').slice(1)] : [value]
    for (const part of parts) t.notOk(text.includes(part), name)
  }
  t.notMatch(text, /BEGIN|\$2b\$|\$argon2/)
})

t.test('a database error that repeats a row is not repeated to the log or to the caller', async (t) => {
  const faults: Record<string, string> = {
    'a constraint': 'alter table firstlogin.users add constraint never check (name is null) not valid',
    'a trigger': `
      create function firstlogin.tell() returns trigger language plpgsql as $$
        begin raise exception 'refused' using detail = to_jsonb(new)::text, hint = new.password_hash; end $$;
      create trigger tell before insert on firstlogin.users for each row execute function firstlogin.tell()`,
    'a unique index': 'create unique index on firstlogin.identities ((password_hash is null), (1))',
    'a missing table': 'alter table firstlogin.sessions rename to gone',
  }
  for (const [name, fault] of Object.entries(faults)) {
    const world = await createWorld(t)
    const service = await world.start({ LOG_LEVEL: 'trace' })
    await service.login("o'brien@example.com", 'quote-me-on-that')
    await world.sql.unsafe(fault)
    const reply = await service.login('ada@example.com', 'analytical-engine')
    t.equal(reply.statusCode, 500, name)
    t.match(reply.json(), { code: 'FL_INTERNAL', detail: 'Something went wrong on our side.' })
    const failures = service.log.filter((line) => line.event === 'request.failed')
    t.match(failures, [{ level: 50, code: 'FL_INTERNAL', err: { code: /^[0-9A-Z]{5}$/ } }])
    for (const text of [adas, '$2b$', 'argon2', 'analytical', 'Ada Lovelace', 'Failing row']) {
      t.notOk(service.logText().includes(text), `${name}: ${text}`)
      t.notOk(reply.body.includes(text))
    }
  }
})
