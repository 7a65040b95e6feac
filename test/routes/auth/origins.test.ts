import type { LightMyRequestResponse } from 'fastify'
import Fastify from 'fastify'
import t from 'tap'
import { loadConfig } from '../../../config.ts'
import origins from '../../../plugins/origins.ts'
import { load } from '../../config/settings.ts'
import { createWorld } from '../../support/service.ts'
import { isProblem } from './client.ts'

const own = 'https://login.example.com'
const app1 = 'https://app.example.org'
const { app } = await (await createWorld(t)).start({ BASE_URL: own, ALLOWED_ORIGINS: app1 })
const ada = { email: 'ada@example.com', password: 'analytical-engine', cookie: true }
const login = (origin: string) =>
  app.inject({ method: 'POST', url: '/api/auth/login', payload: ada, headers: { origin } })
const refresh = (reply: LightMyRequestResponse, origin: string) =>
  app.inject({
    method: 'POST',
    url: '/api/auth/refresh',
    cookies: Object.fromEntries(reply.cookies.map(({ name, value }) => [name, value])),
    headers: { origin },
  })
const preflight = (url: string, origin: string) =>
  app.inject({ method: 'OPTIONS', url, headers: { origin, 'access-control-request-method': 'POST' } })

for (const origin of [own, app1, 'http://localhost:5173', 'http://127.0.0.1:8080']) {
  t.test(`a page of ${origin} logs in with cookies, and refreshes by them`, async (t) => {
    const reply = await login(origin)
    const refreshed = await refresh(reply, origin)
    for (const { statusCode, headers } of [reply, refreshed]) {
      t.equal(statusCode, 200)
      t.match(headers, {
        'access-control-allow-origin': origin,
        'access-control-allow-credentials': 'true',
        'access-control-expose-headers': 'Retry-After, WWW-Authenticate',
        vary: /Origin/,
      })
    }
  })
}

for (const origin of [
  'null',
  'https://app.example.org.evil.example',
  'https://evil-app.example.org',
  'https://x.app.example.org',
  'http://app.example.org',
  'https://app.example.org:8443',
  'https://app.example.org:443',
  'https://APP.example.org',
  'https://app.example.org.',
  'https://app.example.org/',
  'https://user@app.example.org',
  'http://localhost.evil.example',
  'http://localhost.:5173',
  'http://127.0.0.1.evil.example',
  'http://[::1]:3000',
  'http://2130706433',
]) {
  t.test(`a page of ${origin} gets no CORS headers and cannot use the cookies`, async (t) => {
    const reply = await login(origin)
    const refreshed = await refresh(reply, origin)
    isProblem(t, refreshed, 'FL_ORIGIN_REFUSED')
    for (const { headers } of [reply, refreshed, await preflight('/api/auth/refresh', origin)]) {
      t.notMatch(Object.keys(headers).join(), /access-control-allow-origin/)
      t.match(headers.vary, /Origin/, 'a cache keeps the answers apart')
    }
  })
}

t.test('a preflight is answered, and pages can read problems', async (t) => {
  const reply = await preflight('/api/auth/refresh', app1)
  t.equal(reply.statusCode, 204)
  t.equal(reply.headers['access-control-allow-origin'], app1)
  const problem = await app.inject({ url: '/api/auth/me', headers: { origin: app1 } })
  isProblem(t, problem, 'FL_SESSION_INVALID')
  t.equal(problem.headers['access-control-allow-origin'], app1)
  const unknown = await app.inject({ url: '/unknown', headers: { origin: app1 } })
  t.equal(unknown.statusCode, 404, 'an unknown address stays unknown')
  t.equal(unknown.headers['access-control-allow-origin'], app1)
  const wrong = await app.inject({ url: '/api/auth/login', headers: { origin: app1 } })
  isProblem(t, wrong, 'FL_METHOD_UNKNOWN')
  t.equal(wrong.headers.allow, 'POST')
  t.equal(wrong.headers['access-control-allow-origin'], app1)
  t.notOk('access-control-allow-origin' in (await app.inject('/healthz')).headers, 'never a wildcard')
})

t.test('ALLOWED_ORIGINS takes origins as browsers send them, and production adds none', (t) => {
  const env = { NODE_ENV: 'production', UPSTREAMS: '' }
  for (const wrong of ['*', 'null', `${app1}/`, `${app1}:443`, 'https://APP.example.org', 'app.example.org'])
    t.throws(() => loadConfig({ ...env, ALLOWED_ORIGINS: wrong }), /ALLOWED_ORIGINS must be/, wrong)
  t.end()
})

t.test('in production BASE_URL is named where it is missing', (t) => {
  t.throws(() => loadConfig({ NODE_ENV: 'production' }), /BASE_URL is missing/)
  t.doesNotThrow(() => load({ NODE_ENV: 'production', BASE_URL: own }))
  t.equal(load({ NODE_ENV: 'production', BASE_URL: own }).isDevelopment, false)
  t.end()
})

t.test('in production localhost is not allowed', async (t) => {
  const host = Fastify()
  t.teardown(() => host.close())
  await host.register(origins, { baseUrl: own })
  host.get('/', async (request) => host.origins.isAllowed(request))
  const isAllowed = async (origin: string) => (await host.inject({ url: '/', headers: { origin } })).body
  t.equal(await isAllowed(own), 'true')
  t.equal(await isAllowed('http://localhost:3000'), 'false')
})
