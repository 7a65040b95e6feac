import t, { type Test } from 'tap'
import { sweepAttempts } from '../../db/login-attempts.ts'
import { canonicalEmail } from '../../domain/email.ts'
import { FirstloginError } from '../../errors.ts'
import {
  type CountedLogin,
  createThrottle as create,
  type Login,
  type Throttle,
} from '../../sign-in/throttle.ts'
import { createDatabase } from '../support/database.ts'

/** As a login does: the attempt is over when its answer is released. */
function createThrottle(options: Parameters<typeof create>[0]): ReturnType<typeof create> {
  const throttle = create(options)
  return {
    ...throttle,
    async begin(who) {
      const begun = await throttle.begin(who)
      const over = (say: () => Promise<void>) => () => say().finally(begun.abandon)
      const { forgive, fail, excuse, withdraw } = begun
      return {
        ...begun,
        forgive: over(forgive),
        fail: over(fail),
        excuse: over(excuse),
        withdraw: over(withdraw),
      }
    },
  }
}

const secret = 'a secret for tests of at least 32 bytes'
const newer = 'a newer secret for tests of at least 32 bytes'
const ada = canonicalEmail('ada@example.com')
const home = '198.51.100.1'

async function createBench(t: Test) {
  const { sql } = await createDatabase(t)
  return { sql, throttle: createThrottle({ sql, secret }) }
}

const login = (address: string, more: Partial<Login> = {}): Login => ({ email: ada, address, ...more })

/** The attempt, or undefined when it was throttled. */
async function tryLogin(throttle: Throttle, attempt: Login): Promise<CountedLogin | undefined> {
  try {
    return await throttle.begin(attempt)
  } catch (error) {
    if (error instanceof FirstloginError && error.code === 'FL_LOGIN_THROTTLED') return undefined
    throw error
  }
}

async function fail(throttle: Throttle, attempt: Login, times = 1): Promise<number> {
  let counted = 0
  for (let i = 0; i < times; i += 1) {
    const begun = await tryLogin(throttle, attempt)
    await begun?.fail()
    if (begun) counted += 1
  }
  return counted
}

/** Logs in once, and answers the device cookie. */
async function succeed(throttle: Throttle, attempt: Login): Promise<string | undefined> {
  const begun = await throttle.begin({ ...attempt, keepDevice: true })
  await begun.forgive()
  return begun.deviceToken
}

/** So many wrong guesses, ten from each of as many networks as that takes. */
async function failFromEverywhere(throttle: Throttle, times: number, email = ada): Promise<number> {
  let counted = 0
  for (let i = 0; i * 10 < times; i += 1) {
    const attempt = login(`203.0.113.${i}`, { email })
    counted += await fail(throttle, attempt, Math.min(10, times - i * 10))
  }
  return counted
}

t.test(
  'of 120 attempts at once ten are let through to a hash, for an unknown address like for a known one',
  async (t) => {
    const { throttle } = await createBench(t)
    await succeed(throttle, login(home))
    for (const email of [ada, canonicalEmail('unknown@example.com')]) {
      const begun: CountedLogin[] = []
      const attempts = Array.from({ length: 120 }, async () => {
        const counted = await tryLogin(throttle, login('203.0.113.7', { email }))
        if (counted) begun.push(counted)
        if (begun.length < 10) return
        // None of them is over before all that may begin have begun.
        await Promise.all(begun.splice(0).map((each) => each.fail()))
      })
      const all = await Promise.allSettled(attempts)
      t.same(
        all.filter(({ status }) => status === 'rejected'),
        [],
      )
      t.equal(await tryLogin(throttle, login('203.0.113.7', { email })), undefined)
    }
  },
)

t.test('of many attempts at once on two instances, no more are let through than on one', async (t) => {
  const { sql, throttle } = await createBench(t)
  const other = createThrottle({ sql, secret })
  const begun: CountedLogin[] = []
  const finish = () => Promise.all(begun.map((each) => each.fail()))
  const attempts = Array.from({ length: 60 }, async (_, index) => {
    const counted = await tryLogin(index % 2 ? throttle : other, login('203.0.113.7'))
    if (counted && begun.push(counted) === 10) await finish()
  })
  await Promise.all(attempts)
  t.equal(begun.length, 10)
})

t.test(
  'an attempt too many waits for those under way, and is let through when they were right',
  async (t) => {
    const { throttle } = await createBench(t)
    let most = 0
    let underWay = 0
    const attempts = Array.from({ length: 50 }, async () => {
      const begun = await throttle.begin(login('203.0.113.7'))
      underWay += 1
      most = Math.max(most, underWay)
      await new Promise(setImmediate)
      underWay -= 1
      await begun.forgive()
    })
    await Promise.all(attempts)
    t.ok(most <= 30, `at most ${most} at once`)
  },
)

t.test('an attempt that ended by a fault stays counted, and holds up no other', async (t) => {
  const { throttle } = await createBench(t)
  const begun = await Promise.all(Array.from({ length: 10 }, () => throttle.begin(login('203.0.113.7'))))
  const waiting = Promise.all([1, 2, 3].map(() => tryLogin(throttle, login('203.0.113.7'))))
  for (const each of begun) each.abandon()
  t.same(await waiting, [undefined, undefined, undefined])
})

t.test('an attempt without a look at the password is not counted', async (t) => {
  const { sql, throttle } = await createBench(t)
  for (let i = 0; i < 15; i += 1) await (await throttle.begin(login('203.0.113.7'))).withdraw()
  t.equal(await fail(throttle, login('203.0.113.7'), 20), 10)
  const [row] = await sql`select failures from firstlogin.account_failures`
  t.same(row, { failures: 10 })
})

t.test(
  'after 100 consecutive failures over all networks, a network that is not recognized is refused',
  async (t) => {
    const { throttle } = await createBench(t)
    t.equal(await failFromEverywhere(throttle, 400), 100)
    t.equal(await tryLogin(throttle, login('192.0.2.1')), undefined, 'also a network that never tried')
    const unknown = canonicalEmail('unknown@example.com')
    t.equal(await failFromEverywhere(throttle, 400, unknown), 100, 'unknown addresses alike')
  },
)

t.test('guesses from forty networks at once are no more than 100 either', async (t) => {
  const { throttle } = await createBench(t)
  const counts = await Promise.all(
    Array.from({ length: 40 }, (_, i) => fail(throttle, login(`203.0.113.${i}`), 10)),
  )
  t.equal(
    counts.reduce((sum, count) => sum + count, 0),
    100,
  )
})

t.test(
  'the owner of an account that is locked logs in from a network where they have logged in before, which unlocks it',
  async (t) => {
    const { throttle } = await createBench(t)
    await succeed(throttle, login(home))
    await failFromEverywhere(throttle, 400)
    const owner = await throttle.begin(login(home))
    t.equal(owner.isRecognized, true)
    await owner.forgive()
    const elsewhere = await throttle.begin(login('192.0.2.1'))
    t.equal(elsewhere.isRecognized, false)
    await elsewhere.fail()
  },
)

t.test('or from another network with the device cookie', async (t) => {
  const { throttle } = await createBench(t)
  const device = await succeed(throttle, login(home))
  await failFromEverywhere(throttle, 400)
  t.equal(await tryLogin(throttle, login('192.0.2.1')), undefined)
  const owner = await throttle.begin(login('192.0.2.1', { device }))
  t.match(owner, { isRecognized: true, client: /^device / })
  await owner.forgive()
})

t.test('unlock lets everybody try again, and says how many failures there were', async (t) => {
  const { throttle } = await createBench(t)
  await failFromEverywhere(throttle, 400)
  t.equal(await throttle.unlock(ada), 100)
  const begun = await throttle.begin(login('192.0.2.1'))
  await begun.forgive()
  t.equal(await throttle.unlock(ada), 0)
})

t.test('a neighbor on the same network does not block a device that has logged in before', async (t) => {
  const { throttle } = await createBench(t)
  const device = await succeed(throttle, login(home))
  t.equal(await fail(throttle, login(home), 200), 30, 'a known network has thirty tries, not ten')
  const owner = await throttle.begin(login(home, { device }))
  await owner.forgive()
  t.equal(await fail(throttle, login(home, { device }), 200), 10, 'a device has ten of its own')
})

t.test(
  'a recognized client that fails a hundred times without a success is recognized no longer',
  async (t) => {
    const { sql, throttle } = await createBench(t)
    const device = await succeed(throttle, login(home))
    let counted = 0
    for (let i = 0; i < 20; i += 1) {
      counted += await fail(throttle, login(home, { device }), 12)
      // the next window
      await sql`update firstlogin.login_failures set window_ends_at = now()`
    }
    // Then it counts for its network, which was recognized as well, and then for nothing.
    t.equal(counted, 200)
    t.equal(await tryLogin(throttle, login(home, { device })), undefined)
  },
)

t.test('a device cookie that was made up, or altered, or that another account got, is none', async (t) => {
  const { throttle } = await createBench(t)
  const device = (await succeed(throttle, login(home))) ?? ''
  const foreign = createThrottle({ sql: (await createDatabase(t)).sql, secret: newer })
  const cookies = {
    'of another secret': await succeed(foreign, login(home)),
    altered: `A${device.slice(1)}`,
    'without a seal': device.split('.')[0],
    empty: '',
    long: 'x'.repeat(4000),
    'of another account': await succeed(
      throttle,
      login(home, { email: canonicalEmail('grace@example.com') }),
    ),
  }
  for (const [kind, cookie] of Object.entries(cookies)) {
    const begun = await throttle.begin(login('192.0.2.1', { device: cookie }))
    t.match(begun, { isRecognized: false, client: '192.0.2.1' }, kind)
    await begun.withdraw()
  }
})

t.test('one device cookie serves all accounts of a browser', async (t) => {
  const { throttle } = await createBench(t)
  const device = await succeed(throttle, login(home))
  const grace = canonicalEmail('grace@example.com')
  t.equal(await succeed(throttle, login(home, { email: grace, device })), device)
  for (const email of [ada, grace]) {
    const begun = await throttle.begin(login('192.0.2.1', { email, device }))
    t.equal(begun.isRecognized, true, email)
    await begun.withdraw()
  }
})

t.test('a client is recognized for 90 days after its last login', async (t) => {
  const { sql, throttle } = await createBench(t)
  await succeed(throttle, login(home))
  for (const [days, isRecognized] of [
    [89, true],
    [91, false],
  ] as const) {
    await sql`update firstlogin.recognized_clients set last_login_at = now() - make_interval(days => ${days})`
    const begun = await throttle.begin(login(home))
    t.equal(begun.isRecognized, isRecognized, `${days} days`)
    await begun.fail()
  }
  await sweepAttempts(sql, 10)
  t.same(await sql`select from firstlogin.recognized_clients`, [], 'then it is deleted')
})

t.test('a login from a recognized client changes nothing about it but once a day', async (t) => {
  const { sql, throttle } = await createBench(t)
  const read = async () =>
    (await sql`select client, xmin::text, xmax::text from firstlogin.recognized_clients`)[0]
  const again = async () => (await throttle.begin(login(home))).forgive()
  await again()
  const first = await read()
  await again()
  t.same(await read(), first)
  await sql`update firstlogin.recognized_clients set last_login_at = now() - interval '25 hours'`
  await again()
  const [row] =
    await sql`select last_login_at > now() - interval '1 minute' as moved from firstlogin.recognized_clients`
  t.same(row, { moved: true })
})

t.test('few failures are forgotten after days, many only after months', async (t) => {
  const { sql, throttle } = await createBench(t)
  await fail(throttle, login('203.0.113.1'))
  const read = async () =>
    (
      await sql`select round(extract(epoch from expires_at - now()) / 86400)::int as days from firstlogin.account_failures`
    )[0]
  t.same(await read(), { days: 2 })
  await failFromEverywhere(throttle, 200)
  t.same(await read(), { days: 200 })
  await sql`update firstlogin.account_failures set expires_at = now()`
  await sql`update firstlogin.login_failures set window_ends_at = now()`
  const begun = await throttle.begin(login('203.0.113.1'))
  await begun.fail()
  t.same(
    await sql`select failures from firstlogin.account_failures`,
    [{ failures: 1 }],
    'then it begins anew',
  )
})

t.test('rows that are over are deleted by later failures', async (t) => {
  const { sql, throttle } = await createBench(t)
  const failMany = async (name: string) => {
    for (let i = 0; i < 50; i += 1)
      await fail(throttle, login('203.0.113.1', { email: canonicalEmail(`${name}${i}@example.com`) }))
  }
  await failMany('early')
  await sql`update firstlogin.login_failures set window_ends_at = now() - interval '1 hour'`
  await sql`update firstlogin.account_failures set expires_at = now() - interval '1 hour'`
  await failMany('late')
  for (const table of ['login_failures', 'account_failures']) {
    const [row] = await sql`select count(*)::int as count from ${sql(`firstlogin.${table}`)}`
    t.same(row, { count: 50 }, table)
  }
})

t.test(
  'answers of 503 are counted apart: ten of a client, or a hundred of an account, and an upstream has to answer first',
  async (t) => {
    const { throttle } = await createBench(t)
    const excuse = async (address: string) => {
      const begun = await throttle.begin(login(address))
      await begun.excuse()
      return begun.mustAsk
    }
    for (let i = 0; i < 10; i += 1) t.equal(await excuse('203.0.113.0'), false)
    t.equal(await excuse('203.0.113.0'), true)
    for (let network = 1; network < 10; network += 1)
      for (let i = 0; i < 10; i += 1) await excuse(`203.0.113.${network}`)
    const elsewhere = await throttle.begin(login('192.0.2.1'))
    t.equal(elsewhere.mustAsk, true, 'from everywhere')
    await elsewhere.forgive()
    const after = await throttle.begin(login('192.0.2.1'))
    t.equal(after.mustAsk, false, 'until a login succeeds')
    await after.withdraw()
  },
)

t.test(
  'counts, recognized clients and device cookies go on when FIRSTLOGIN_SECRET is replaced',
  async (t) => {
    const { sql, throttle } = await createBench(t)
    const device = await succeed(throttle, login(home))
    await failFromEverywhere(throttle, 95)
    const rotated = createThrottle({ sql, secret: [newer, secret] })
    t.equal(await fail(rotated, login('192.0.2.1'), 10), 5, 'five more make a hundred')
    t.equal(await tryLogin(rotated, login('192.0.2.2')), undefined)
    const owner = await rotated.begin(login('192.0.2.2', { device, keepDevice: true }))
    t.equal(owner.isRecognized, true)
    await owner.forgive()
    t.not(owner.deviceToken, device, 'the cookie is made anew under the newest secret')
    const alone = createThrottle({ sql, secret: newer })
    const later = await alone.begin(login('192.0.2.3', { device: owner.deviceToken }))
    t.equal(later.isRecognized, true)
    await later.forgive()

    await failFromEverywhere(createThrottle({ sql, secret }), 30)
    t.equal(await rotated.unlock(ada), 30, 'unlock looks under every secret')
  },
)

t.test('neither addresses nor device ids can be read out of what is stored', async (t) => {
  const { sql, throttle } = await createBench(t)
  await succeed(throttle, login(home))
  await fail(throttle, login('203.0.113.1'))
  for (const table of ['login_failures', 'account_failures', 'recognized_clients'])
    for (const row of await sql`select to_jsonb(r)::text as text from ${sql(`firstlogin.${table}`)} r`)
      t.notMatch(row['text'], /ada|example/, table)
})

t.test('attempts of one account from many networks at once never block each other for good', async (t) => {
  const { throttle } = await createBench(t)
  const attempts = Array.from({ length: 300 }, async (_, i) => {
    const begun = await tryLogin(throttle, login(`203.0.113.${i % 7}`, { keepDevice: i % 3 === 0 }))
    if (!begun) return
    if (i % 4 === 0) await begun.forgive()
    else if (i % 4 === 1) await begun.fail()
    else if (i % 4 === 2) await begun.excuse()
    else await begun.withdraw()
  })
  const ends = await Promise.allSettled(attempts)
  t.same(
    ends.filter(({ status }) => status === 'rejected'),
    [],
  )
})
