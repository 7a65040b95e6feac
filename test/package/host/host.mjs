// Somebody else's program, run where the package is installed. Prints what it saw as JSON.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import cookie from '@fastify/cookie'
import jwt from '@fastify/jwt'
import rateLimit from '@fastify/rate-limit'
import sensible from '@fastify/sensible'
import fastifyStatic from '@fastify/static'
import swagger from '@fastify/swagger'
import Fastify from 'fastify'
import firstlogin from 'firstlogin'
import { loadConfig } from 'firstlogin/config'
import airtable from 'firstlogin/plugins/airtable'
import db from 'firstlogin/plugins/db'
import signature from 'firstlogin/plugins/signature'
import { LoginRequest } from 'firstlogin/schemas/auth'
import airtableUpstream from 'firstlogin/upstreams/airtable'

const { databaseUrl, apiUrl, baseId, ada } = JSON.parse(process.argv[2])
const login = { method: 'POST', url: '/api/auth/login', payload: ada }
const config = loadConfig({
  DATABASE_URL: databaseUrl,
  FIRSTLOGIN_SECRET: 'a secret of at least thirty-two bytes',
  AIRTABLE_TOKEN: 'pat',
  AIRTABLE_BASE_ID: baseId,
  AIRTABLE_TABLE: 'Users',
  AIRTABLE_API_URL: apiUrl,
})

async function tryPluginsAlone() {
  const withDatabase = Fastify()
  await withDatabase.register(db, { database: databaseUrl })
  const [row] = await withDatabase.sql`select count(*)::int as migrations from firstlogin.migrations`
  await withDatabase.close()

  const withSignature = Fastify()
  await withSignature.register(signature, { secrets: { shared: ['word'] } })
  const hex = createHmac('sha256', 'word').update('body').digest('hex')
  const proof = withSignature.signature.verify(Buffer.from('body'), { 'x-signature': hex })
  await withSignature.close()

  const withAirtable = Fastify()
  await withAirtable.register(airtable, { token: 'pat', baseId, table: 'Users', apiUrl })
  const found = await withAirtable.airtable.findByEmail(ada.email)
  await withAirtable.close()
  return { migrations: row.migrations, dialect: proof.dialect, found: found.length }
}

/** The whole service in an app that has its own ways, with the same names. */
async function tryServiceInside(prefix) {
  const lines = []
  const app = Fastify({ logger: { level: 'error', stream: { write: (line) => lines.push(line) } } })
  await app.register(cookie, { secret: 'the host’s' })
  await app.register(jwt, { secret: 'the host’s' })
  await app.register(rateLimit, { max: 1000 })
  await app.register(sensible)
  await app.register(fastifyStatic, { root: import.meta.dirname, prefix: '/host/files/' })
  await app.register(swagger)
  app.decorate('sql', 'the host’s').decorate('metrics', 'the host’s').decorate('tokens', 'the host’s')
  app.decorateRequest('account', null)
  app.setErrorHandler((error, _request, reply) => reply.code(418).send({ host: error.code ?? error.message }))
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ host: 'unknown' }))
  const seen = new Set()
  app.addHook('onSend', async (request) => void seen.add(request.url))
  app.get('/host/fails', () => Promise.reject(new Error('own error')))
  const querystring = { type: 'object', properties: { n: { type: 'integer' } } }
  app.get('/host/validates', { schema: { querystring } }, ({ query }) => ({ n: query.n }))
  app.post('/host/echo', ({ body }) => body)
  await app.register(firstlogin, prefix ? { ...config, prefix } : config)
  await app.ready()

  const at = (url) => app.inject(url)
  const own = {
    sql: app.sql,
    metrics: app.metrics,
    tokens: app.tokens,
    jwt: [app.jwt.verify(app.jwt.sign({ own: true })).own, Object.keys(app.jwt).includes('firstlogin')],
    leaks: ['readThrough', 'provisioner', 'signIn', 'sessions', 'keys', 'http'].filter((name) =>
      app.hasDecorator(name),
    ),
    fails: (await at('/host/fails')).json(),
    validates: [(await at('/host/validates?n=1')).json(), (await at('/host/validates?n=one')).json()],
    unknown: (await at('/host/nowhere')).json(),
    malformed: (await app.inject({ method: 'POST', url: '/host/echo', payload: {} })).statusCode,
  }
  const first = await app.inject({ ...login, url: prefix + login.url })
  const wrong = await app.inject({
    ...login,
    url: prefix + login.url,
    payload: { ...ada, password: 'wrong' },
  })
  const me = await app.inject({
    url: `${prefix}/api/auth/me`,
    headers: { authorization: `Bearer ${first.json().accessToken}` },
  })
  const jwks = await at(`${prefix}/.well-known/jwks.json`)
  await app.close()
  const service = {
    login: first.statusCode,
    email: first.json().user?.email,
    me: me.statusCode,
    wrong: [wrong.statusCode, wrong.json().code, wrong.headers['content-type']],
    keys: jwks.json().keys?.length > 0,
  }
  return { own, service, log: lines, hostHooksRan: seen.has('/host/fails') }
}

assert.equal(airtableUpstream.name, 'airtable')
assert.ok(LoginRequest.properties.email)
const alone = await tryPluginsAlone()
const inside = await tryServiceInside('')
const below = await tryServiceInside('/id')
process.stdout.write(JSON.stringify({ alone, inside, below }))
