import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { readExposure, refuseExposure } from '../../sandbox/exposure.ts'
import { startSandbox } from '../../sandbox/sandbox.ts'
import { listStandIns } from '../../sandbox/stand-ins.ts'
import { makeWorkplace } from '../support/process.ts'

const own = {
  DATABASE_URL: 'postgres://own',
  FIRSTLOGIN_SECRET: 'own',
  AIRTABLE_TOKEN: 'pat',
  AIRTABLE_BASE_ID: 'app',
  AIRTABLE_TABLE: 'Users',
}

t.test('where only this machine gets in, the sandbox starts', async (t) => {
  for (const HOST of [
    undefined,
    '',
    '127.0.0.1',
    '127.8.9.1',
    'localhost',
    'LOCALHOST',
    '::1',
    '[::1]',
    '::ffff:127.0.0.1',
  ])
    t.doesNotThrow(() => refuseExposure({ HOST }, ['DATABASE_URL']), String(HOST))
  for (const BASE_URL of [
    'http://127.0.0.1:3000',
    'http://localhost:3000',
    'http://[::1]:3000',
    'http://a.localhost',
    'no url',
  ])
    t.doesNotThrow(() => refuseExposure({ BASE_URL }, ['DATABASE_URL']), BASE_URL)
})

t.test(
  'where others get in, it is refused in one sentence that names the setting and holds no value',
  async (t) => {
    for (const HOST of [
      '0.0.0.0',
      '::',
      '[::]',
      '192.168.1.7',
      '::ffff:10.0.0.1',
      'example.com',
      '1270.0.1',
      'localhost.example.com',
      '*',
    ])
      t.throws(
        () => refuseExposure({ HOST }, ['DATABASE_URL']),
        { message: /^HOST is not for this machine alone.*DATABASE_URL/ },
        HOST,
      )
    for (const BASE_URL of [
      'https://login.example.com',
      'https://localhost:3000',
      'http://login.example.com',
      'http://192.168.1.7:3000',
    ])
      t.throws(
        () => refuseExposure({ BASE_URL }, ['the upstream airtable']),
        { message: /^BASE_URL is not for/ },
        BASE_URL,
      )
    const settings = { HOST: '192.168.1.7', BASE_URL: 'https://login.example.com' }
    try {
      refuseExposure(settings, ['DATABASE_URL', 'the upstream airtable'])
      t.fail('it starts')
    } catch (error) {
      const message = String(error)
      t.match(message, /HOST and BASE_URL are not/)
      t.notMatch(message, /192|example|\n/)
      t.match(message, /FIRSTLOGIN_SANDBOX=1/)
      t.equal(message.match(/\.(\s|$)/g)?.length, 1, 'one sentence')
    }
  },
)

t.test('FIRSTLOGIN_SANDBOX=1 insists, and without a stand-in there is nothing to refuse', async (t) => {
  for (const FIRSTLOGIN_SANDBOX of ['1', 'true', 'TRUE'])
    t.doesNotThrow(() => refuseExposure({ HOST: '0.0.0.0', FIRSTLOGIN_SANDBOX }, ['DATABASE_URL']))
  for (const FIRSTLOGIN_SANDBOX of ['0', 'false', 'no', ''])
    t.throws(() => refuseExposure({ HOST: '0.0.0.0', FIRSTLOGIN_SANDBOX }, ['DATABASE_URL']))
  t.doesNotThrow(() => refuseExposure({ HOST: '0.0.0.0' }, []))
})

t.test(
  'each stand-in alone is reason enough: the database, the secret, an upstream, the secret of events',
  async (t) => {
    const without = (...names: string[]) =>
      Object.fromEntries(Object.entries(own).filter(([name]) => !names.includes(name)))
    t.same(listStandIns(own), [])
    t.same(listStandIns({}), ['DATABASE_URL', 'FIRSTLOGIN_SECRET', 'the upstream airtable'])
    t.same(listStandIns(without('DATABASE_URL')), ['DATABASE_URL'])
    t.same(listStandIns({ ...without('DATABASE_URL'), DATABASE_URL_FILE: '/run/secrets/url' }), [])
    t.same(listStandIns(without('FIRSTLOGIN_SECRET')), ['FIRSTLOGIN_SECRET'])
    t.same(listStandIns(without('AIRTABLE_TOKEN', 'AIRTABLE_BASE_ID', 'AIRTABLE_TABLE')), [
      'the upstream airtable',
    ])
    t.same(listStandIns({ ...own, UPSTREAMS: 'airtable, clerk' }), ['the upstream clerk'])
    t.same(listStandIns({ ...own, UPSTREAMS: 'clerk', CLERK_ISSUER: 'https://own' }), [])
    t.same(listStandIns({ ...own, USER_WEBHOOK_SYNC_ENABLED: 'true' }), ['AIRTABLE_USER_SYNC_SECRET'])
  },
)

t.test('a sandbox that is refused has started and written nothing', async (t) => {
  const folder = await makeWorkplace(t)
  await writeFile(join(folder, 'base-url'), 'https://login.example.com\n')
  const dataDir = join(folder, '.data')
  await t.rejects(startSandbox({ PORT: '0', HOST: '0.0.0.0' }, dataDir), /^HOST is not/)
  await t.rejects(
    startSandbox({ PORT: '0', BASE_URL_FILE: join(folder, 'base-url') }, dataDir),
    /^BASE_URL is not/,
  )
  t.same(await readdir(folder), ['base-url'])
  t.same(readExposure({ HOST_FILE: '/nowhere' }), {
    HOST: undefined,
    BASE_URL: undefined,
    FIRSTLOGIN_SANDBOX: undefined,
  })
})

t.test('outside production the login limit is generous, not absent, and one that is set stays', async (t) => {
  const { env, stop } = await startSandbox(
    { ...own, PORT: '0', HOST: '0.0.0.0' },
    join(await makeWorkplace(t), '.data'),
  )
  t.equal(env['LOGIN_RATE_PER_MINUTE'], '6000')
  await stop()
  const strict = await startSandbox(
    { ...own, PORT: '0', LOGIN_RATE_PER_MINUTE: '5' },
    join(await makeWorkplace(t), '.data'),
  )
  t.equal(strict.env['LOGIN_RATE_PER_MINUTE'], '5')
  await strict.stop()
})
