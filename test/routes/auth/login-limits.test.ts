import t from 'tap'
import { createWorld, type Service } from '../../support/service.ts'
import { createClient, isProblem } from './client.ts'

// The answers are 401 and 429 however busy the machine is.
const patient = { READTHROUGH_DEADLINE_MS: '60000' }

const right = { email: 'ada@example.com', password: 'analytical-engine' }
const wrong = { email: 'ada@example.com', password: 'wrong' }

function from({ app }: Service, remoteAddress: string) {
  const { post } = createClient(app)
  return (body: { email: string; password: string }) => post('login', body, { remoteAddress })
}

t.test('ten failures from one network throttle that network for the account, and nobody else', async (t) => {
  const world = await createWorld(t)
  const [service, other] = await Promise.all([world.start(patient), world.start(patient)])
  const attacker = from(service, '203.0.113.7')
  for (const email of [wrong.email, 'nobody@example.com']) {
    const replies = await Promise.all(
      Array.from({ length: 10 }, () => attacker({ email, password: 'wrong' })),
    )
    for (const reply of replies) isProblem(t, reply, 'FL_CREDENTIALS_INVALID')
    const eleventh = await attacker({ email, password: 'wrong' })
    isProblem(t, eleventh, 'FL_LOGIN_THROTTLED')
    const seconds = Number(eleventh.headers['retry-after'])
    t.ok(seconds > 890 && seconds <= 900, `${seconds} s`)
  }
  isProblem(t, await attacker(right), 'FL_LOGIN_THROTTLED', 'even with the right password')
  isProblem(
    t,
    await attacker({ ...right, email: ' ADA@example.com' }),
    'FL_LOGIN_THROTTLED',
    'however it is written',
  )
  isProblem(t, await from(other, '203.0.113.7')(right), 'FL_LOGIN_THROTTLED', 'on every instance')
  t.equal((await from(service, '203.0.113.8')(right)).statusCode, 200, 'the owner logs in from elsewhere')
  const grace = { email: 'grace@example.com', password: 'nanoseconds-matter' }
  t.equal((await attacker(grace)).statusCode, 200, 'others log in from there')

  const [row] = await world.sql`select to_jsonb(f)::text as all from firstlogin.login_failures f limit 1`
  t.notMatch(row?.['all'], /example/, 'addresses are not kept')
})

t.test('successes never count, and one forgives what came before', async (t) => {
  const service = await (await createWorld(t)).start(patient)
  const login = from(service, '203.0.113.7')
  const replies = await Promise.all(Array.from({ length: 15 }, () => login(right)))
  t.same(new Set(replies.map((reply) => reply.statusCode)), new Set([200]))
  for (let round = 0; round < 3; round += 1) {
    await Promise.all(Array.from({ length: 9 }, () => login(wrong)))
    t.equal((await login(right)).statusCode, 200)
  }
})

t.test(
  'many guesses at once gain nothing: the right one among them is refused like the others',
  async (t) => {
    const service = await (await createWorld(t)).start(patient)
    await from(service, '198.51.100.1')(right)
    const login = from(service, '203.0.113.7')
    const replies = await Promise.all([
      ...Array.from({ length: 30 }, () => login(wrong)),
      login(right),
      ...Array.from({ length: 15 }, () => login(wrong)),
    ])
    const statuses = replies.map((reply) => reply.statusCode)
    isProblem(t, replies[30] ?? (await login(right)), 'FL_LOGIN_THROTTLED')
    t.equal(statuses.filter((status) => status === 401).length, 10)
    t.equal(statuses.filter((status) => status === 429).length, 36)
  },
)

t.test('nor where a failed login has to wait for the upstream', async (t) => {
  const world = await createWorld(t)
  await from(await world.start(patient), '198.51.100.1')(right)
  const login = from(await world.start(patient), '203.0.113.7')
  world.airtable.setFault({ kind: 'none', latencyMs: 600 })
  const guesses = Array.from({ length: 30 }, () => login(wrong))
  const replies = await Promise.all([...guesses, login(right)])
  t.equal(replies.filter((reply) => reply.statusCode === 401).length, 10)
  isProblem(t, replies[30] ?? (await login(right)), 'FL_LOGIN_THROTTLED')
})

t.test('a window that is over is over', async (t) => {
  const world = await createWorld(t)
  const login = from(await world.start(patient), '203.0.113.7')
  await Promise.all(Array.from({ length: 10 }, () => login(wrong)))
  isProblem(t, await login(right), 'FL_LOGIN_THROTTLED')
  await world.sql`update firstlogin.login_failures set window_ends_at = now()`
  t.equal((await login(right)).statusCode, 200)
  t.same(await world.sql`select from firstlogin.login_failures where window_ends_at > now()`, [])
})

t.test(
  'guesses while the upstream is away are limited, and nobody is the worse for honest tries',
  async (t) => {
    const world = await createWorld(t)
    const service = await world.start()
    await from(service, '198.51.100.1')(right)
    const newcomer = { email: 'grace@example.com', password: 'nanoseconds-matter' }
    world.airtable.setFault({ kind: 'error_500' })
    for (let i = 0; i < 3; i += 1) await service.login(`stranger.${i}@example.com`, 'x')
    const [attacker, honest] = [from(service, '203.0.113.7'), from(service, '203.0.113.8')]
    for (let i = 0; i < 10; i += 1) {
      isProblem(t, await attacker(wrong), 'FL_UPSTREAM_UNAVAILABLE')
      isProblem(t, await honest(newcomer), 'FL_UPSTREAM_UNAVAILABLE')
    }
    isProblem(t, await attacker(right), 'FL_UPSTREAM_UNAVAILABLE', 'the right password, after ten guesses')
    isProblem(t, await honest(newcomer), 'FL_UPSTREAM_UNAVAILABLE')
    t.equal((await from(service, '198.51.100.1')(right)).statusCode, 200, 'the owner logs in from elsewhere')

    world.airtable.heal()
    await until(async () => (await honest(newcomer)).statusCode === 200)
    t.equal((await attacker(right)).statusCode, 200)
  },
)

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 50; i += 1) if (await condition()) return
  throw new Error('It did not happen.')
}
