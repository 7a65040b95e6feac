import { Writable } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import { hash } from '@node-rs/argon2'
import { pino } from 'pino'
import t from 'tap'
import { FirstloginError, toLoggable } from '../../errors.ts'
import { logOptions } from '../../plugins/request-log/options.ts'
import { createTerminalStream } from '../../plugins/request-log/terminal.ts'
import { createClient } from '../routes/auth/client.ts'
import { post as postEvent, send, syncOn, toEvent } from '../support/events.ts'
import { createProxy } from '../support/proxy.ts'
import { createWorld } from '../support/service.ts'
import { until } from '../support/until.ts'

/** What is about no request alone: calls that several share, connections, jobs. */
const ofNoRequest =
  /^(airtable\.failed|notices\.|jobs\.|job\.|upstream\.|keys\.|redis\.|migrations\.|events\.dropped|inbox\.split)/

// https://github.com/fastify/fastify/issues/3036: a route's logLevel hides the lines of its handlers as well.
t.test('every line about a request has its reqId, and none holds what was typed', async (t) => {
  const world = await createWorld(t)
  const wire = await createProxy(t, world.url)
  const service = await world.start({
    ...syncOn,
    DATABASE_URL: wire.url,
    LOG_LEVEL: 'trace',
    REFRESH_GRACE_S: '0',
  })
  const { app, login } = service
  const { post, me, refresh } = createClient(app)
  const started = service.log.length
  const typed = new Set<string>()
  const type = (text: string) => {
    typed.add(text)
    return text
  }
  const enter = (email: string, password: string) => login(type(email), type(password))

  // Every way in, and every reason to fail.
  const reply = await enter('ada@example.com', 'analytical-engine')
  const tokens = reply.json()
  type(tokens.accessToken)
  type(tokens.refreshToken)
  for (const [email, password] of [
    ['ada@example.com', 'a-wrong-password'],
    ['edsger@example.com', 'goto-considered-harmful'],
    ['nobody-here@example.com', 'password-of-nobody'],
    ['alan@example.com', 'password-without-hash'],
    ['twin@example.com', 'two-of-a-kind'],
    ['no-address-at-all', 'password-without-address'],
  ] as const)
    await enter(email, password)
  for (let i = 0; i < 11; i += 1) await enter('grace@example.com', `guess-number-${i}`)

  await me(tokens.accessToken)
  await me(type('an.access.token'))
  for (const url of ['/api/auth/identity', '/api/auth/me', '/api/admin/events/failed', '/api/admin/users/x'])
    await app.inject({ url, headers: { authorization: `Bearer ${tokens.accessToken}` } })
  await app.inject({ url: '/api/auth/identity', headers: { authorization: `Bearer ${type('not-a-token')}` } })
  await app.inject(`/api/auth/me?code=${type('a-code-in-the-query')}`)
  await app.inject(`/nowhere?token=${type('a-token-in-the-query')}`)
  await app.inject({ method: 'DELETE', url: '/api/auth/login' })
  for (const url of ['/healthz', '/readyz', '/metrics', '/.well-known/jwks.json', '/openapi.json'])
    await app.inject(url)

  // A rotated token that comes back ends its session.
  type((await refresh(tokens.refreshToken)).json().refreshToken)
  await refresh(tokens.refreshToken)
  await refresh(type('a-made-up-refresh-token'))
  const second = (await enter('ada@example.com', 'analytical-engine')).json()
  await post('logout', { refreshToken: type(second.refreshToken) })

  // Events: new, again, older, unreadable, unusable, unsigned.
  const passwordHash = type(await hash('xyz', { memoryCost: 64, timeCost: 1, parallelism: 1 }))
  const event = toEvent({ user: { email: type('mary@example.com'), passwordHash } })
  await send(service, event)
  await send(service, event)
  await send(service, toEvent({ eventType: 'user.updated', occurredAt: '2026-11-19T10:00:00.000Z' }))
  await send(service, toEvent({ eventType: 'user.updated', user: { status: 'on holiday', role: 'juggler' } }))
  await send(service, toEvent({ user: { id: 'recUnusablePerson', email: type('no address, really') } }))
  await postEvent(service, '{}', { 'x-signature': type('a-made-up-signature') })
  await postEvent(service, '{"broken')

  // The upstream away, and then the database.
  world.airtable.setFault({ kind: 'error_500' })
  await enter('stranger@example.com', 'password-of-a-stranger')
  await wire.cut()
  await until(async () => (await app.inject('/readyz')).statusCode === 503)
  const away = await enter('ada@example.com', 'analytical-engine')
  t.equal(away.statusCode, 503)
  const outage = service.log.filter((line) => line['code'] === 'FL_DATABASE_UNAVAILABLE')
  t.ok(outage.length > 0)
  for (const line of outage) t.notMatch(line, { err: {} })
  await wire.mend()

  const lines = service.log.slice(started)
  const events = new Set(lines.map((line) => line.event))
  for (const expected of [
    'login.succeeded',
    'login.failed',
    'readthrough.miss',
    'readthrough.provisioned',
    'upsert.conflict',
    'session.reuse_detected',
    'token.refused',
    'webhook.accepted',
    'webhook.replayed',
    'webhook.stale',
    'webhook.rejected',
    'status.unknown',
    'role.unknown',
    'request.failed',
  ])
    t.ok(events.has(expected), expected)
  const without = lines.filter(({ reqId, event }) => reqId === undefined && !ofNoRequest.test(event ?? ''))
  t.same(without, [])
  for (const text of typed) t.notOk(service.logText().includes(text), text)
  t.notMatch(service.logText(), /@example\.com|\$argon2|\$2b\$|"stack":"[^"]*\b(?:ECONN|CONNECTION_)/)
  const stacks = lines.filter((line) => /"stack":"[^"]/.test(JSON.stringify(line)))
  t.same(stacks, [], 'nothing here is a fault of the program')
})

t.test('a fault that passes is logged without a stack trace, and one of ours with it', async (t) => {
  const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' })
  t.notOk('stack' in toLoggable(refused))
  const away = new FirstloginError('FL_UPSTREAM_UNAVAILABLE', {
    cause: new Error('No answer', { cause: refused }),
  })
  t.notMatch(JSON.stringify(toLoggable(away)), /"stack"/)
  t.ok('stack' in toLoggable(new TypeError('x is not a function')))
})

t.test('on a terminal a line is for people: the time, the level, the event, and the rest', async (t) => {
  let out = ''
  const terminal = new Writable({
    write(chunk: Buffer, _encoding, done) {
      out += chunk.toString()
      done()
    },
  })
  const log = pino({ ...logOptions }, createTerminalStream(terminal))
  log.info({ event: 'login.failed', reason: 'unknown', network: '203.0.113.7' })
  log.warn('as it is')
  await until(() => out.includes('as it is'))
  const plain = stripVTControlCharacters(out)
  t.match(
    plain,
    /^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: login\.failed .*"reason":"unknown".*"network":"203\.0\.113\.7"/,
  )
  t.match(plain, /WARN: as it is\n$/)
})
