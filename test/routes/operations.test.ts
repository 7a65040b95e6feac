import t from 'tap'
import { createWorld } from '../support/service.ts'
import { createClient, isProblem } from './auth/client.ts'

t.test('/healthz is alive, /readyz ready, and both stay out of the log', async (t) => {
  const { app, log } = await (await createWorld(t)).start()
  const lines = log.length
  for (const url of ['/healthz', '/readyz']) {
    const reply = await app.inject(url)
    t.same([reply.statusCode, reply.json()], [200, { status: 'ok' }])
  }
  t.equal(log.length, lines)
})

t.test('/readyz is 503 while the database is behind', async (t) => {
  const world = await createWorld(t)
  const { app } = await world.start()
  const [newest] = await world.sql`
    delete from firstlogin.migrations where version = (select max(version) from firstlogin.migrations) returning *`
  isProblem(t, await app.inject('/readyz'), 'FL_NOT_READY')
  await world.sql`insert into firstlogin.migrations ${world.sql(newest ?? {})}`
  t.equal((await app.inject('/readyz')).statusCode, 200)
})

t.test('/metrics has the names that others watch, in the form that Prometheus reads', async (t) => {
  const service = await (await createWorld(t)).start()
  const { app, login } = service
  await login('ada@example.com', 'analytical-engine')
  await login('ada@example.com', 'analytical-engine')
  await login('ada@example.com', 'wrong')
  await login('nobody@example.com', 'wrong')
  await app.inject('/nowhere/at/all?token=secret')
  const reply = await app.inject('/metrics')
  t.match(reply.headers['content-type'], /^text\/plain; version=0\.0\.4/)
  const values = new Map(
    reply.body
      .split('\n')
      .filter((line) => line && !line.startsWith('#'))
      .map(
        (line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))] as const,
      ),
  )
  t.notOk([...values.values()].some(Number.isNaN))
  t.equal(values.get('auth_readthrough_attempts'), 2)
  t.equal(values.get('auth_readthrough_success'), 1)
  t.equal(values.get('firstlogin_logins_total{outcome="succeeded"}'), 2)
  t.equal(values.get('firstlogin_logins_total{outcome="FL_CREDENTIALS_INVALID"}'), 2)
  t.equal(values.get('firstlogin_upserts_total{path="created"}'), 1)
  const counted = 'firstlogin_http_request_duration_seconds_count'
  t.equal(values.get(`${counted}{method="POST",route="/api/auth/login",status="200"}`), 2)
  t.equal(values.get(`${counted}{method="GET",route="unknown",status="404"}`), 1)
  t.notMatch(reply.body, /example\.com|secret|nowhere/, 'and nothing of what was sent')
  const own = reply.body.match(/^# TYPE (?!process_|nodejs_)(\S+)/gm) ?? []
  for (const line of own)
    t.match(line, /^# TYPE (auth_readthrough_(attempts|success)|webhook_user_events_\w+|firstlogin_\w+) ?$/)
})

t.test('instances in one process count each for itself', async (t) => {
  const world = await createWorld(t)
  const [one, two] = await Promise.all([world.start(), world.start()])
  await one.login('ada@example.com', 'analytical-engine')
  t.match((await one.app.inject('/metrics')).body, /^auth_readthrough_attempts 1$/m)
  t.match((await two.app.inject('/metrics')).body, /^auth_readthrough_attempts 0$/m)
})

t.test('every answer and its log lines carry one request id, which nobody outside chooses', async (t) => {
  const service = await (await createWorld(t)).start()
  const { post } = createClient(service.app)
  const headers = { 'request-id': 'chosen', 'x-request-id': 'chosen' }
  const replies = [
    await post('login', { email: 'nobody@example.com', password: 'x' }, { headers }),
    await post('login', {}, { headers }),
    await service.app.inject({ url: '/nowhere', headers }),
  ]
  const ids = replies.map((reply) => reply.json().requestId)
  t.equal(new Set(ids).size, replies.length)
  for (const id of ids) {
    t.not(id, 'chosen')
    t.ok(service.log.some((line) => line['reqId'] === id))
  }
})

t.test('what is nowhere is a 404 of ours', async (t) => {
  const { app } = await (await createWorld(t)).start()
  for (const url of ['/nowhere', '/metrics/', '/docs/nowhere', '/.well-known/openid-configuration'])
    isProblem(t, await app.inject(url), 'FL_ROUTE_UNKNOWN', url)
})

t.test('GET / is a page of links for browsers and JSON for scripts, of what is on', async (t) => {
  const world = await createWorld(t)
  const { app } = await world.start()
  const browser = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' }
  const page = await app.inject({ url: '/', headers: browser })
  t.equal(page.statusCode, 200)
  t.match(page.headers, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': /default-src 'none'.*frame-ancestors 'none'/,
    vary: /Accept/,
  })
  t.match(page.body, '<html lang="en">')
  t.notMatch(page.body, '<script')
  const paths = [...page.body.matchAll(/href="([^"]+)"/g)].map(([, path = '']) => path)
  for (const path of paths) t.equal((await app.inject(path)).statusCode, 200, path)

  const { links } = (await app.inject({ url: '/', headers: { accept: '*/*' } })).json()
  t.same(Object.values(links), paths)
  const quiet = await world.start({ HIDE: 'metrics,docs' })
  t.same(Object.keys((await quiet.app.inject('/')).json().links), ['keys', 'alive', 'ready'])
})
