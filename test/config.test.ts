import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { ConfigError, loadConfig, Settings } from '../config.ts'
import { AirtableEnv } from '../upstreams/airtable/env.ts'
import { load, needed, refused } from './config/settings.ts'

async function makeFile(t: Test, content: string | Buffer): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'firstlogin-config-'))
  t.teardown(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'secret'), content)
  return join(folder, 'secret')
}

t.test('what has a default needs no setting', async (t) => {
  const { upstreams, DATABASE_URL: _, FIRSTLOGIN_SECRET: __, ...rest } = load()
  t.same(rest, {
    DATABASE_POOL: 10,
    HOST: '127.0.0.1',
    PORT: 3000,
    BASE_URL: 'http://127.0.0.1:3000',
    ALLOWED_ORIGINS: [],
    isDevelopment: true,
    USER_READTHROUGH_FALLBACK_ENABLED: true,
    USER_WEBHOOK_SYNC_ENABLED: false,
    READTHROUGH_DEADLINE_MS: 2000,
    READTHROUGH_NEGATIVE_TTL_S: 60,
    READTHROUGH_RECHECK_S: 86_400,
    REKEY_WINDOW_S: 86_400,
    RECONCILE_SCHEDULE: '30 3 * * *',
    ACCESS_TOKEN_TTL_S: 600,
    REFRESH_TOKEN_TTL_S: 2_592_000,
    REFRESH_GRACE_S: 30,
    SESSION_MAX_AGE_S: 7_776_000,
    LOGIN_RATE_PER_MINUTE: 600,
    TRUST_PROXY: [],
    HIDE: [],
    LOG_LEVEL: 'info',
    ownership: {
      email: 'upstream',
      emailVerified: 'upstream',
      name: 'upstream',
      avatarUrl: 'local',
      status: 'upstream',
      role: 'newest',
      passwordHash: 'newest',
    },
  })
  t.match(upstreams, [{ name: 'airtable', gate: 'airtable:appAAAAAAAAAAAAAA' }])
})

t.test('all that is missing or wrong is named in one message', async (t) => {
  t.same(refused({}).sort(), Object.keys(needed).sort())
  const wrong = {
    DATABASE_URL: 'mysql://x',
    FIRSTLOGIN_SECRET: 'short',
    PORT: '65536',
    LOG_LEVEL: 'loud',
    AIRTABLE_BASE_ID: 'base',
    AIRTABLE_FIELDS: '{',
    FIELD_OWNERSHIP: 'email=local',
    TRUST_PROXY: 'true',
    AIRTABLE_TOKEN_FILE: '/nowhere/at/all',
  }
  const expected = Object.keys(wrong).concat('AIRTABLE_TABLE').sort()
  t.same(refused(wrong).sort(), expected)
  t.throws(() => loadConfig(wrong), {
    name: 'ConfigError',
    message: /^The settings are not valid:\n {2}- /,
  })
})

t.test('no value is ever printed, whatever is wrong with it', async (t) => {
  const names = [...Object.keys(Settings.properties), ...Object.keys(AirtableEnv.properties)]
  const marked = fc
    .tuple(
      fc.constantFrom('', '{"a":"', '{', 'postgres://', 'a=', 'x,'),
      fc.string(),
      fc.constantFrom('', '"}', '"', ',', '=b'),
    )
    .map((parts) => `${parts[0]}hunter2${parts[1]}${parts[2]}`)
  const property = fc.property(
    fc.dictionary(fc.constantFrom(...names, ...names.map((name) => `${name}_FILE`)), marked, {
      noNullPrototype: true,
    }),
    (env) => {
      try {
        loadConfig(env)
        return true
      } catch (error) {
        const isSilent = !inspect(error, { depth: 9, showHidden: true }).includes('hunter2')
        return error instanceof ConfigError && isSilent
      }
    },
  )
  t.doesNotThrow(() => fc.assert(property, { numRuns: 2000 }))
})

t.test('a secret may come as a file, whose last line break does not belong to it', async (t) => {
  const secret = 'from a file, and long enough to be one'
  const { FIRSTLOGIN_SECRET: _, ...others } = needed
  for (const end of ['', '\n', '\r\n']) {
    const FIRSTLOGIN_SECRET_FILE = await makeFile(t, `${secret}${end}`)
    t.same(loadConfig({ ...others, FIRSTLOGIN_SECRET_FILE }).FIRSTLOGIN_SECRET, [secret])
  }
  const kept = await makeFile(t, ` ${secret}\n\n`)
  t.same(loadConfig({ ...others, FIRSTLOGIN_SECRET_FILE: kept }).FIRSTLOGIN_SECRET, [` ${secret}\n`])

  t.test('every setting may, upstreams’ included', async (t) => {
    const PORT_FILE = await makeFile(t, '4000\n')
    const AIRTABLE_STATUS_MAP_FILE = await makeFile(t, '{"On": "active"}\n')
    t.equal(load({ PORT_FILE, AIRTABLE_STATUS_MAP_FILE }).PORT, 4000)
    t.same(refused({ ...needed, PORT_FILE: await makeFile(t, 'many\n') }), ['PORT'])
  })

  t.test('not both, and not from where nothing can be read', async (t) => {
    const file = await makeFile(t, secret)
    t.throws(() => load({ FIRSTLOGIN_SECRET_FILE: file }), {
      message: /- FIRSTLOGIN_SECRET and FIRSTLOGIN_SECRET_FILE are both set/,
    })
    t.same(
      load({ FIRSTLOGIN_SECRET: '', FIRSTLOGIN_SECRET_FILE: file }).FIRSTLOGIN_SECRET,
      [secret],
      'empty is not set',
    )
    for (const path of [`${file}.gone`, tmpdir()])
      t.throws(() => loadConfig({ ...others, FIRSTLOGIN_SECRET_FILE: path }), {
        message: /- FIRSTLOGIN_SECRET_FILE cannot be read$/,
      })
    const empty = await makeFile(t, '\n')
    t.throws(() => loadConfig({ ...others, FIRSTLOGIN_SECRET_FILE: empty }), {
      message: /- FIRSTLOGIN_SECRET is missing/,
    })
  })
})

t.test('an empty value is none', async (t) => {
  const config = load({
    PORT: '',
    BASE_URL: '',
    UPSTREAMS: '',
    TRUST_PROXY: '',
    FIELD_OWNERSHIP: '',
    REDIS_URL: '',
  })
  t.match(config, {
    PORT: 3000,
    BASE_URL: 'http://127.0.0.1:3000',
    TRUST_PROXY: [],
    upstreams: [{ name: 'airtable' }],
  })
  t.equal(config.REDIS_URL, undefined)
  t.same(refused({ ...needed, AIRTABLE_TOKEN: '' }), ['AIRTABLE_TOKEN'])
})
