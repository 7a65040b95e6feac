import { join } from 'node:path'
import t from 'tap'
import { Value } from 'typebox/value'
import { loadConfig } from '../../config.ts'
import { AirtableEnv } from '../../upstreams/airtable/env.ts'
import { upstreams } from '../../upstreams/index.ts'
import { isRefused, load, needed, refused } from './settings.ts'

t.test('numbers, booleans, addresses and lists are taken as they are meant or not at all', async (t) => {
  t.equal(load({ PORT: '0' }).PORT, 0)
  isRefused(t, 'PORT', '-1', '65536', '3000.5', '3e3', '0x10', ' 3000', 'NaN', '99999999999999999999')
  isRefused(t, 'ACCESS_TOKEN_TTL_S', '0', '-5', '10m', '315360001')
  isRefused(t, 'READTHROUGH_DEADLINE_MS', '49', '60001')
  isRefused(t, 'LOGIN_RATE_PER_MINUTE', '0')
  isRefused(t, 'DATABASE_POOL', '1', '1001', '4.5')
  t.equal(load({ REFRESH_GRACE_S: '0' }).REFRESH_GRACE_S, 0)
  for (const [text, value] of Object.entries({
    true: true,
    TRUE: true,
    '1': true,
    false: false,
    False: false,
    '0': false,
  }))
    t.equal(load({ USER_READTHROUGH_FALLBACK_ENABLED: text }).USER_READTHROUGH_FALLBACK_ENABLED, value, text)
  isRefused(t, 'USER_READTHROUGH_FALLBACK_ENABLED', 'yes', 'off', '2', '__proto__', 'constructor')
  for (const url of ['http://localhost', 'https://login.example.com:8443', 'http://[::1]:3000'])
    t.equal(load({ BASE_URL: url }).BASE_URL, url)
  isRefused(
    t,
    'BASE_URL',
    'login.example.com',
    'https://a/',
    'https://a/b',
    'https://a?b',
    'ftp://a',
    'http://u:p@a',
    'http://[',
    'http://a b',
    'http://a:99999',
  )
  isRefused(t, 'DATABASE_URL', 'localhost', 'mysql://a')
  isRefused(t, 'REDIS_URL', 'localhost:6379', 'http://a')
  isRefused(t, 'LOG_LEVEL', 'INFO', 'verbose')
  isRefused(t, 'UPSTREAMS', 'nobody', 'airtable;clerk', 'constructor')
  t.equal(
    load({ UPSTREAMS: ' airtable , airtable,' }).upstreams.length,
    1,
    'blanks and repetitions do no harm',
  )
  t.same(load({ UPSTREAMS: ',' }).upstreams, [], 'nobody upstream')
})

t.test('FIRSTLOGIN_SECRET is one secret or a list, each of 32 bytes or more', async (t) => {
  const [first, second] = ['x'.repeat(32), 'é'.repeat(16)]
  isRefused(t, 'FIRSTLOGIN_SECRET', 'x'.repeat(31), 'é'.repeat(15), `${first},short`, `short,${first}`)
  t.same(load({ FIRSTLOGIN_SECRET: second }).FIRSTLOGIN_SECRET, [second])
  t.same(load({ FIRSTLOGIN_SECRET: `${first} , ${second},` }).FIRSTLOGIN_SECRET, [first, second])
})

t.test('a comma in a FIRSTLOGIN_SECRET whose parts are too short to be secrets belongs to it', async (t) => {
  const FIRSTLOGIN_SECRET = 'one secret, and no list of secrets, as before'
  t.same(load({ FIRSTLOGIN_SECRET }).FIRSTLOGIN_SECRET, [FIRSTLOGIN_SECRET])
})

t.test('TRUST_PROXY is a list of networks, and never everybody', async (t) => {
  const networks = ['10.0.0.0/8', '127.0.0.1', '::1', 'fd00::/8', '2001:db8::/128', '10.1.2.3/32']
  t.same(load({ TRUST_PROXY: networks.join(', ') }).TRUST_PROXY, networks)
  isRefused(
    t,
    'TRUST_PROXY',
    'true',
    'TRUE',
    '1',
    '0',
    '*',
    'all',
    'loopback',
    'fade',
    '10.0.0.0/0',
    '::/0',
    '10.0.0.0/33',
    '::/129',
  )
  isRefused(
    t,
    'TRUST_PROXY',
    '999.1.1.1',
    '10.0.0',
    '10.0.0.0/8/8',
    '10.0.0.0/',
    '10.0.0.0/x',
    '10.0.0.1, true',
  )
})

t.test('FIELD_OWNERSHIP changes what it names', async (t) => {
  const { ownership } = load()
  const changed = { ...ownership, name: 'upstream', avatarUrl: 'newest', role: 'local' }
  for (const text of [
    'name=upstream,avatarUrl=newest,role=local',
    ' avatarUrl = newest , role=local ',
    '{"avatarUrl":"newest","role":"local"}',
  ])
    t.same(load({ FIELD_OWNERSHIP: text }).ownership, changed, text)
  t.same(load({ FIELD_OWNERSHIP: 'email=upstream' }).ownership, ownership)
  isRefused(
    t,
    'FIELD_OWNERSHIP',
    'email=local',
    'email=newest',
    'name',
    'name=',
    '=local',
    'name=me',
    'nickname=local',
    'name=local=x',
  )
  isRefused(
    t,
    'FIELD_OWNERSHIP',
    '{',
    '{"name":1}',
    '[]',
    '["name"]',
    '{"__proto__":"local"}',
    '__proto__=local',
    'constructor=local',
  )
})

t.test('the settings of an upstream count only while it is on', async (t) => {
  t.same(refused({ ...needed, AIRTABLE_TOKEN: undefined, UPSTREAMS: ',' }), [])
  isRefused(
    t,
    'AIRTABLE_FIELDS',
    '{"name":"Name"}',
    '{"email":"E}mail"}',
    '{"email":"Email","shoe":"Size"}',
    '{"email":1}',
    '{"email":"Email","status":"fldXXXXXXXXXXXXXX"}',
    'email',
  )
  isRefused(t, 'AIRTABLE_STATUS_MAP', '{"Gone":"deleted"}', 'x', '{')
  isRefused(t, 'AIRTABLE_ROLE_MAP', '{"Boss":"king"}')
  isRefused(t, 'AIRTABLE_API_URL', 'https://api.airtable.com/v0', 'api.airtable.com')
})

t.test(
  'addresses of a table count as unverified beside an upstream that verifies them, unless it is set',
  async (t) => {
    const airtable = upstreams.find(({ name }) => name === 'airtable')
    const env = Value.Parse(AirtableEnv, Value.Default(AirtableEnv, { ...needed }))
    t.match(airtable?.beside?.(env, true), { AIRTABLE_EMAILS: 'unverified' })
    t.match(airtable?.beside?.(env, false), { AIRTABLE_EMAILS: 'verified' })
    t.match(airtable?.beside?.({ ...env, AIRTABLE_EMAILS: 'verified' }, true), {
      AIRTABLE_EMAILS: 'verified',
    })
    isRefused(t, 'AIRTABLE_EMAILS', 'maybe', 'true')
    t.equal(load().REKEY_WINDOW_S, 86_400)
    isRefused(t, 'REKEY_WINDOW_S', '-1', '1d')
  },
)

t.test('a Docker secret is the setting of its name in lower case, also with the prefix mfa_', async (t) => {
  const folder = t.testdir({
    all: {
      airtable_token: 'patFromAFile.token\n',
      mfa_airtable_user_sync_secret: 'a secret of the sender of the events\n',
      firstlogin_secret: 'a secret that the environment overrides, 32 bytes',
      clerk_secret_key: '',
    },
    one: { airtable_token: 'patFromAFile.token' },
  })
  const { AIRTABLE_TOKEN: _, ...env } = { ...needed, USER_WEBHOOK_SYNC_ENABLED: 'true' }
  t.same(loadConfig(env, { secretsFolder: join(folder, 'all') }).FIRSTLOGIN_SECRET, [
    needed.FIRSTLOGIN_SECRET,
  ])
  t.throws(() => loadConfig(env, { secretsFolder: join(folder, 'one') }), {
    message: /- AIRTABLE_USER_SYNC_SECRET is missing/,
  })
  t.throws(() => loadConfig(env, { secretsFolder: join(folder, 'none') }), {
    message: /- AIRTABLE_TOKEN is missing/,
  })
})
