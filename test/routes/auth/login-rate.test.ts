import t from 'tap'
import { createWorld, type Service } from '../../support/service.ts'
import { createClient, isProblem } from './client.ts'

const right = { email: 'ada@example.com', password: 'analytical-engine' }

function from({ app }: Service, remoteAddress: string) {
  const { post } = createClient(app)
  return (body: { email: string; password: string }) => post('login', body, { remoteAddress })
}

t.test('LOGIN_RATE_PER_MINUTE limits one address, successes included, whoever logs in', async (t) => {
  const service = await (await createWorld(t)).start({ LOGIN_RATE_PER_MINUTE: '3' })
  const login = from(service, '203.0.113.7')
  for (let i = 0; i < 3; i += 1) t.equal((await login(right)).statusCode, 200)
  const reply = await login({ email: 'grace@example.com', password: 'nanoseconds-matter' })
  isProblem(t, reply, 'FL_RATE_LIMITED')
  const seconds = Number(reply.headers['retry-after'])
  t.ok(seconds >= 1 && seconds <= 60, `${seconds} s`)
  t.match(
    service.log.filter(({ event }) => event === 'login.failed'),
    [{ reason: 'throttled', network: '203.0.113.7', reqId: reply.json().requestId }],
  )
  isProblem(t, await login({ email: '', password: '' }), 'FL_RATE_LIMITED', 'before the body is looked at')
  t.equal((await from(service, '203.0.113.8')(right)).statusCode, 200, 'another address')
  const { post } = createClient(service.app)
  isProblem(
    t,
    await post('refresh', {}, { remoteAddress: '203.0.113.7' }),
    'FL_SESSION_INVALID',
    'another route',
  )
})

t.test('of IPv6 the /64 counts, and IPv4 written as IPv6 is IPv4', async (t) => {
  const service = await (await createWorld(t)).start({ LOGIN_RATE_PER_MINUTE: '2' })
  const statusFrom = async (address: string) => (await from(service, address)(right)).statusCode
  t.equal(await statusFrom('2001:db8:1:2::1'), 200)
  t.equal(await statusFrom('2001:0DB8:0001:0002:ffff:1:2:3'), 200)
  t.equal(await statusFrom('2001:db8:1:2::3'), 429)
  t.equal(await statusFrom('2001:db8:1:3::1'), 200)
  t.equal(await statusFrom('203.0.113.7'), 200)
  t.equal(await statusFrom('::ffff:203.0.113.7'), 200)
  t.equal(await statusFrom('::FFFF:203.0.113.7'), 429)
  t.equal(await statusFrom('::ffff:203.0.113.8'), 200)
})
