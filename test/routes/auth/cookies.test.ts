import t, { type Test } from 'tap'
import { createWorld } from '../../support/service.ts'
import { createClient, isProblem, type Reply } from './client.ts'

interface Cookie {
  name: string
  value: string
  path?: string
  httpOnly?: boolean
  secure?: boolean
  sameSite?: string
  maxAge?: number
  expires?: Date
  domain?: string
}

const cookiesOf = (reply: Reply) => reply.cookies as unknown as Cookie[]
const ada = { email: 'ada@example.com', password: 'analytical-engine' }

async function signIn(t: Test, baseUrl: string) {
  const { app } = await (await createWorld(t)).start({ BASE_URL: baseUrl })
  const client = createClient(app)
  const reply = await client.post('login', { ...ada, cookie: true })
  const jar = (from: Reply) => Object.fromEntries(cookiesOf(from).map(({ name, value }) => [name, value]))
  return { app, ...client, reply, jar, cookies: jar(reply) }
}

for (const baseUrl of [
  'http://127.0.0.1:3000',
  'http://localhost:3000',
  'https://login.example.com',
  'http://nas.lan',
]) {
  const isLocal = /127|localhost/.test(baseUrl)
  const names = ['access', 'refresh'].map((token) => `${isLocal ? '' : '__Host-'}firstlogin-${token}`)
  const device = `${isLocal ? '' : '__Host-'}firstlogin-device`

  t.test(
    `at ${baseUrl} a login with "cookie": true sets ${names.join(' and ')}, and no token in the body`,
    async (t) => {
      const { reply, post, jar, cookies } = await signIn(t, baseUrl)
      t.equal(reply.statusCode, 200)
      t.same(Object.keys(reply.json()).sort(), ['expiresIn', 'tokenType', 'user'])
      t.same(Object.keys(cookies), [...names, device])
      for (const cookie of cookiesOf(reply)) {
        t.match(cookie, { path: '/', httpOnly: true, sameSite: 'Lax' })
        t.equal(cookie.secure ?? false, !isLocal)
        t.equal(cookie.domain, undefined)
        t.notOk(reply.body.includes(cookie.value))
      }
      t.same(
        cookiesOf(reply).map(({ maxAge }) => maxAge),
        [600, 2_592_000, 7_776_000],
      )

      const gone = await post('logout', undefined, { cookies: jar(reply) })
      t.equal(gone.statusCode, 204)
      t.same(Object.keys(jar(gone)), names)
      for (const cookie of cookiesOf(gone)) {
        t.match(cookie, { value: '', path: '/' })
        t.ok(cookie.maxAge === 0 || (cookie.expires?.getTime() ?? Infinity) < Date.now(), 'cleared')
        t.equal(cookie.secure ?? false, !isLocal, 'a __Host- cookie is cleared by a secure one only')
      }
    },
  )
}

t.test('me, refresh, logout and logout-all go by cookie', async (t) => {
  const { app, post, cookies, jar } = await signIn(t, 'https://login.example.com')
  const me = (cookies: Record<string, string>) => app.inject({ url: '/api/auth/me', cookies })
  t.equal((await me(cookies)).statusCode, 200)
  const refreshed = await post('refresh', undefined, { cookies })
  t.equal(refreshed.statusCode, 200)
  t.same(Object.keys(refreshed.json()).sort(), ['expiresIn', 'tokenType', 'user'])
  t.equal((await me(jar(refreshed))).statusCode, 200)
  t.equal((await post('logout-all', undefined, { cookies: jar(refreshed) })).statusCode, 204)
  isProblem(t, await me(jar(refreshed)), 'FL_SESSION_INVALID')
  isProblem(t, await post('refresh', undefined, { cookies: jar(refreshed) }), 'FL_SESSION_INVALID')
})

t.test('a token in the body is answered in the body, whatever cookies come along', async (t) => {
  const { post, cookies } = await signIn(t, 'http://127.0.0.1:3000')
  const { refreshToken } = (await post('login', ada)).json()
  const reply = await post('refresh', { refreshToken }, { cookies })
  t.match(reply.json(), { accessToken: String, refreshToken: String })
  t.same(reply.cookies, [])
})

t.test('a page of another origin cannot use the cookies to change anything', async (t) => {
  const { post, app, cookies } = await signIn(t, 'https://login.example.com')
  const origins = [
    'https://evil.example',
    'https://login.example.com.evil.example',
    'https://login.example.com:8443',
    'http://login.example.com',
    'ftp://login.example.com',
    'null',
    'garbage',
    '',
  ]
  for (const origin of origins) {
    for (const path of ['refresh', 'logout', 'logout-all'])
      isProblem(
        t,
        await post(path, undefined, { cookies, headers: { origin } }),
        'FL_ORIGIN_REFUSED',
        `${path} ${origin}`,
      )
  }
  const plain = { origin: 'http://login.example.com', host: 'login.example.com' }
  isProblem(
    t,
    await post('refresh', undefined, { cookies, headers: plain }),
    'FL_ORIGIN_REFUSED',
    'plain text',
  )
  t.equal((await app.inject({ url: '/api/auth/me', cookies })).statusCode, 200, 'the session goes on')
  const headers = { origin: 'https://login.example.com' }
  t.equal((await post('refresh', undefined, { cookies, headers })).statusCode, 200, 'our own page can')
})

t.test('no cookies, empty ones and foreign ones are no session', async (t) => {
  const { post, app } = await signIn(t, 'http://127.0.0.1:3000')
  const others: Record<string, string>[] = [
    {},
    { 'firstlogin-access': '', 'firstlogin-refresh': '' },
    { 'firstlogin-access': 'x', 'firstlogin-refresh': 'x' },
    { '__Host-firstlogin-access': 'x', 'firstlogin-refresh': '%E0%A4%A' },
    JSON.parse('{"__proto__":"x","constructor":"y"}'),
  ]
  for (const cookies of others) {
    const signedOut = await post('logout', undefined, { cookies })
    t.equal(signedOut.statusCode, 204, 'whoever has no session is signed out already')
    t.ok(signedOut.cookies.every(({ value }) => value === ''))
    for (const path of ['refresh', 'logout-all'])
      isProblem(
        t,
        await post(path, undefined, { cookies }),
        'FL_SESSION_INVALID',
        `${path} ${JSON.stringify(cookies)}`,
      )
    isProblem(t, await app.inject({ url: '/api/auth/me', cookies }), 'FL_SESSION_INVALID')
  }
})
