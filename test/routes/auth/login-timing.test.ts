import { hash as bcrypt } from 'bcrypt'
import t, { type Test } from 'tap'
import { uuidv7 } from 'uuidv7'
import { hashPassword } from '../../../domain/password.ts'
import { budgetUnits } from '../../../sign-in/failure-release.ts'
import { createTestClock, type TestClock } from '../../support/clocks.ts'
import { createWorld, type Service, type World } from '../../support/service.ts'

const kinds = ['unknown', 'argon2', 'disabled', 'deleted', 'bcrypt', 'no hash', 'upstream'] as const
type Kind = (typeof kinds)[number]

const unitMs = 20
/** At `unitMs`, with a jitter in the middle. */
const heldMs = budgetUnits * unitMs + 50

/** Each kind is tried from a network of its own: one network that fails all the time would be held back. */
const addressOf = (email: string) =>
  `198.51.100.${kinds.findIndex((kind) => email.includes(emailOf(kind))) + 1}`

const emailOf = (kind: Kind) => `${kind.replace(' ', '.')}@example.net`

async function addAccounts({ sql, airtable }: World): Promise<void> {
  const argon2Hash = await hashPassword('the right one')
  const accounts: [Kind, status: string, hash: string | null][] = [
    ['argon2', 'active', argon2Hash],
    ['disabled', 'disabled', argon2Hash],
    ['deleted', 'deleted', argon2Hash],
    ['bcrypt', 'active', await bcrypt('the right one', 10)],
    ['no hash', 'active', null],
  ]
  for (const [kind, status, hash] of accounts)
    await sql`
      insert into firstlogin.users (id, email, email_canonical, status, role, password_hash)
      values (${uuidv7()}, ${emailOf(kind)}, ${emailOf(kind)}, ${status}, 'member', ${hash})`
  airtable.records.put('recUpstream000001', { Email: emailOf('upstream'), 'Password Hash': argon2Hash })
}

/** An instance that has asked the upstream once, by a clock that stands still: its calls take no time. */
async function start(world: World) {
  const clock = createTestClock()
  const timing = { lookups: clock, failures: clock, random: () => 0.5, unitMs: () => unitMs }
  const service = await world.start({ READTHROUGH_NEGATIVE_TTL_S: '86400' }, timing)
  const attempts = { clock, service }
  const warm = attempt(service, 'warm@example.net')
  await untilHeld(attempts, 1)
  clock.moveTo(clock.now() + heldMs)
  await until(attempts, () => isAnswered(warm))
  return attempts
}

type Started = { clock: TestClock; service: Service }

/** Lets real work go on until the condition holds; what is due by the clock now happens, and no more. */
async function until({ clock }: Started, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) {
    clock.moveTo(clock.now())
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** Until no login waits for an upstream any more, and so many answers are held back. */
async function untilHeld(started: Started, count: number): Promise<void> {
  const { clock } = started
  await until(
    started,
    () => clock.due().length === count && clock.due().every((at) => at <= clock.now() + heldMs),
  )
}

interface Made {
  answer?: { status: number; code: string }
}

function attempt({ login }: Service, email: string, password = 'a wrong one'): Made {
  const made: Made = {}
  async function note() {
    const reply = await login(email, password, {}, addressOf(email))
    made.answer = { status: reply.statusCode, code: reply.json().code }
  }
  void note()
  return made
}

const isAnswered = ({ answer }: Made) => answer !== undefined

async function answersOf(started: Started, all: Made[]): Promise<Made['answer'][]> {
  await until(started, () => all.every(isAnswered))
  return all.map(({ answer }) => answer)
}

async function forgetStarts({ sql }: World): Promise<void> {
  await sql`update firstlogin.upstream_gates set state = state || '{"starts": []}'`
}

/** The calls that the budget has counted since. */
async function readStarts({ sql }: World): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select jsonb_array_length(state -> 'starts') as count from firstlogin.upstream_gates`
  return row?.count ?? 0
}

const refused = { status: 401, code: 'FL_CREDENTIALS_INVALID' }
const away = { status: 503, code: 'FL_UPSTREAM_UNAVAILABLE' }

/** Each kind alone: it takes one place in the budget or none, and its answer is held from the end of its look-up. */
async function expectSameSteps(t: Test, world: World, started: Started, turn: 'first' | 'second') {
  const { clock, service } = started
  for (const kind of kinds) {
    await forgetStarts(world)
    const arrivedAt = clock.now()
    const made = attempt(service, emailOf(kind))
    await untilHeld(started, 1)
    t.same(clock.due(), [arrivedAt + heldMs], `${turn} attempt, ${kind}: the answer is due`)
    t.equal(
      await readStarts(world),
      turn === 'first' ? 1 : 0,
      `${turn} attempt, ${kind}: calls of the budget`,
    )
    t.notOk(isAnswered(made))
    clock.moveTo(arrivedAt + heldMs)
    t.same(await answersOf(started, [made]), [refused])
  }
}

t.test('a failed login takes the same steps and the same time for every kind of account', async (t) => {
  const world = await createWorld(t, { rateLimit: false })
  await addAccounts(world)
  const started = await start(world)
  await expectSameSteps(t, world, started, 'first')
  const { total } = world.airtable.calls()
  await expectSameSteps(t, world, started, 'second')
  t.equal(world.airtable.calls().total, total, 'what a look-up itself has written is no reason to ask again')

  const [user] = await world.sql<{ id: string }[]>`
    select id from firstlogin.users where email = ${emailOf('no hash')}`
  const notice = JSON.stringify({ userId: user?.id, email: emailOf('no hash') })
  await world.sql`select pg_notify('firstlogin', ${notice})`
  await until(started, async () => {
    const arrivedAt = started.clock.now()
    const made = attempt(started.service, emailOf('no hash'))
    await untilHeld(started, 1)
    t.same(
      started.clock.due(),
      [arrivedAt + heldMs],
      'an account that has changed since is asked for in the same time',
    )
    started.clock.moveTo(arrivedAt + heldMs)
    await answersOf(started, [made])
    return world.airtable.calls().total === total + 1
  })
})

t.test('probes of the same moment end together, whatever kind one of them is of', async (t) => {
  const world = await createWorld(t, { rateLimit: false })
  await addAccounts(world)
  const started = await start(world)
  const { clock, service } = started
  for (const kind of kinds) {
    await forgetStarts(world)
    const arrivedAt = clock.now()
    const addresses = [`one.${kind}@example.org`, emailOf(kind), `two.${kind}@example.org`]
    const all = addresses.map((email) => attempt(service, email.replace(' ', '.')))
    await untilHeld(started, 3)
    t.same(clock.due(), Array(3).fill(arrivedAt + heldMs), kind)
    t.ok((await readStarts(world)) <= 3, `${kind}: no more calls than probes`)
    clock.moveTo(arrivedAt + heldMs)
    t.same(await answersOf(started, all), [refused, refused, refused])
  }
})

t.test(
  'while the upstream is down every failing login is 503 after the same steps, a right password is not',
  async (t) => {
    const world = await createWorld(t, { rateLimit: false })
    await addAccounts(world)
    const started = await start(world)
    const { clock, service } = started
    world.airtable.setFault({ kind: 'error_500' })
    for (let failures = 0; failures < 3; failures += 1) {
      const made = attempt(service, `opener.${failures}@example.org`)
      await untilHeld(started, 1)
      clock.moveTo(clock.now() + heldMs)
      t.same(await answersOf(started, [made]), [away])
    }
    // Closed for longer than this test takes.
    await world.sql`
    update firstlogin.upstream_gates set state = state || jsonb_build_object(
      'penaltyUntil', (extract(epoch from now()) * 1000) + 3600000)`
    for (const [kind, password] of [
      ...kinds.map((kind) => [kind, 'a wrong one'] as const),
      ['disabled', 'the right one'],
    ] as const) {
      const arrivedAt = clock.now()
      const made = attempt(service, emailOf(kind), password)
      await untilHeld(started, 1)
      t.same(clock.due(), [arrivedAt + heldMs], `${kind}, ${password}`)
      clock.moveTo(arrivedAt + heldMs)
      t.same(await answersOf(started, [made]), [away])
    }
    const right = attempt(service, emailOf('argon2'), 'the right one')
    t.match(await answersOf(started, [right]), [{ status: 200 }], 'and is answered at once')
  },
)

t.test('a right password is answered at once and makes no call', async (t) => {
  const world = await createWorld(t, { rateLimit: false })
  await addAccounts(world)
  const started = await start(world)
  const { total } = world.airtable.calls()
  for (let logins = 0; logins < 10; logins += 1) {
    const made = attempt(started.service, emailOf('argon2'), 'the right one')
    t.match(await answersOf(started, [made]), [{ status: 200 }])
  }
  t.equal(world.airtable.calls().total, total)
  await until(started, async () => (await readStarts(world)) <= 1)
  t.pass('their permits are given back')
})

t.test('when the answer is due nothing is left to do: it comes without the database', async (t) => {
  const world = await createWorld(t, { rateLimit: false })
  await addAccounts(world)
  const started = await start(world)
  const all = kinds.map((kind) => attempt(started.service, emailOf(kind)))
  await untilHeld(started, kinds.length)
  await world.sql`alter table firstlogin.users rename to gone`
  await world.sql`alter table firstlogin.login_failures rename to gone_too`
  started.clock.moveTo(started.clock.now() + heldMs)
  t.same(
    await answersOf(started, all),
    kinds.map(() => refused),
  )
})

t.test('guesses at one account are looked at one after the other, whatever kind it is of', async (t) => {
  const world = await createWorld(t, { rateLimit: false })
  await addAccounts(world)
  const started = await start(world)
  const { clock, service } = started
  for (const kind of kinds) {
    const all = [1, 2, 3].map(() => attempt(service, emailOf(kind)))
    for (let answered = 1; answered <= 3; answered += 1) {
      await untilHeld(started, 1)
      clock.moveTo(clock.now() + heldMs)
      await until(started, () => all.filter(isAnswered).length === answered)
    }
    t.same(await answersOf(started, all), [refused, refused, refused], kind)
  }
})

t.test(
  'every login is logged with its outcome, the client network and the request, never with the address',
  async (t) => {
    const world = await createWorld(t, { rateLimit: false })
    await addAccounts(world)
    const service = await world.start()
    const login = (kind: Kind, password = 'a wrong one') => service.login(emailOf(kind), password)
    for (const kind of kinds) await login(kind)
    await login('disabled', 'the right one')
    await login('argon2', 'the right one')
    await service.login('no address', 'x')
    for (let failures = 0; failures < 11; failures += 1) await login('bcrypt')
    world.airtable.setFault({ kind: 'error_500' })
    await service.login('new@example.org', 'x')
    const lines = service.log.filter(({ event }) => event?.startsWith('login.'))
    const reasons = lines.map((line) => line['reason'] ?? line.event)
    t.same(reasons, [
      'unknown',
      'wrong_password',
      'wrong_password',
      'unknown',
      'wrong_password',
      'no_password',
      'wrong_password',
      'inactive',
      'login.succeeded',
      'unknown',
      ...Array(9).fill('wrong_password'),
      'throttled',
      'throttled',
      'unavailable',
    ])
    for (const line of lines) t.match(line, { reqId: /./ })
    for (const line of lines.filter(({ event }) => event === 'login.failed'))
      t.match(line, { network: '127.0.0.1' })
    t.match(
      lines.find(({ event }) => event === 'login.succeeded'),
      { userId: /^[0-9a-f-]{36}$/ },
    )
    t.notMatch(lines.map((line) => JSON.stringify(line)).join(), /example/)
  },
)
