import Fastify from 'fastify'
import t, { type Test } from 'tap'
import airtable, { type AirtableOptions } from '../../plugins/airtable.ts'
import { type AirtableStandInOptions, createAirtableStandIn } from '../../sandbox/airtable/stand-in.ts'
import type { HttpRequest } from '../../upstreams/upstream.ts'

async function blankApp(
  t: Test,
  options: Partial<AirtableOptions> = {},
  standInOptions: Partial<AirtableStandInOptions> = {},
) {
  const standIn = createAirtableStandIn({ token: 'pat', ...standInOptions })
  t.teardown(standIn.close)
  const apiUrl = await standIn.listen()
  const lines: string[] = []
  const app = Fastify({ logger: { level: 'info', stream: { write: (line) => void lines.push(line) } } })
  t.teardown(() => app.close())
  await app.register(airtable, { token: 'pat', baseId: standIn.baseId, table: 'Users', apiUrl, ...options })
  return { app, standIn, log: () => lines.join('') }
}

t.test('app.airtable works alone in a blank Fastify app', async (t) => {
  const { app } = await blankApp(t)
  const records = await app.airtable.listRecords(() => ({ fields: ['Email'] }))
  t.ok(records.some(({ fields }) => fields['Email'] === 'ada@example.com'))
  t.ok(records.every(({ fields }) => !('Password Hash' in fields)))
})

t.test(
  'app.airtable.findByEmail finds an address in any spelling, and both of a pair of twins',
  async (t) => {
    const { app } = await blankApp(t)
    const found = async (email: string) =>
      (await app.airtable.findByEmail(email)).map(({ fields }) => String(fields['Email'])).sort()
    t.same(await found(' GRACE@example.com '), ['Grace@Example.com'])
    t.same(await found("o'brien@example.com"), ["o'brien@example.com"])
    t.same(await found('twin@example.com'), ['TWIN@example.com', 'twin@example.com'])
    t.same(await found("nobody'or'1'='1@example.com"), [])
  },
)

t.test('what is no address is refused without a call', async (t) => {
  const { app, standIn } = await blankApp(t)
  await t.rejects(app.airtable.findByEmail('no address'), { code: 'FL_EMAIL_INVALID' })
  t.equal(standIn.calls().total, 0)
})

t.test('a list of several pages comes whole', async (t) => {
  const records = Array.from({ length: 250 }, (_, index) => ({ fields: { Email: `p${index}@example.com` } }))
  const { app } = await blankApp(t, {}, { records })
  t.equal((await app.airtable.listRecords(() => ({}))).length, 250)
})

t.test(
  'a token that is refused fails the call with 503, and the log has the reason and no token',
  async (t) => {
    const { app, log } = await blankApp(t, { token: 'patWrong' })
    app.get('/people', () => app.airtable.listRecords(() => ({})))
    const reply = await app.inject('/people')
    t.equal(reply.statusCode, 503)
    t.match(log(), /"event":"airtable.failed","reason":"401 AUTHENTICATION_REQUIRED"/)
    t.notMatch(log(), 'patWrong')
  },
)

t.test('calls keep Airtable’s limit without a database', async (t) => {
  const { app, standIn } = await blankApp(t, {}, { rateLimit: { perSecond: 5, penaltyMs: 30_000 } })
  await Promise.all(Array.from({ length: 8 }, () => app.airtable.findByEmail('ada@example.com')))
  t.notOk(standIn.calls().calls.some(({ status }) => status === 429))
})

t.test('the host may bring its own http function and its own gate', async (t) => {
  const urls: string[] = []
  const entered: number[] = []
  const { app } = await blankApp(t, {
    http: async ({ url }: HttpRequest) => {
      urls.push(url)
      return { status: 200, headers: {}, body: '{"records":[]}' }
    },
    gate: {
      async enter(maxWaitMs: number) {
        entered.push(maxWaitMs)
        return { waitMs: 0, startAt: 0, isTroubled: false, isProbe: false }
      },
      returnPermit: async () => {},
      report: async () => {},
    },
  })
  t.same(await app.airtable.listRecords(() => ({})), [])
  t.match(urls, [/\/v0\/appSandboxBase001\/Users\/listRecords$/])
  t.same(entered, [10_000])
})

t.test('a missing option is refused by name', async (t) => {
  for (const name of ['token', 'baseId', 'table']) {
    await t.rejects(blankApp(t, { [name]: '' }), {
      message: `firstlogin-airtable: the option ${name} is missing`,
    })
  }
})

t.test('its connections end with the app', async (t) => {
  const { app, standIn } = await blankApp(t)
  await app.airtable.findByEmail('ada@example.com')
  const connections = () =>
    new Promise<number>((resolve) => standIn.app.server.getConnections((_error, count) => resolve(count)))
  t.equal(await connections(), 1)
  await app.close()
  for (let tries = 0; tries < 100 && (await connections()) > 0; tries++) await new Promise(setImmediate)
  t.equal(await connections(), 0)
})
