import t from 'tap'
import { createWorld, type Service } from '../../support/service.ts'
import { createClient, isProblem, type Reply } from './client.ts'

const right = { email: 'ada@example.com', password: 'analytical-engine' }
const wrong = { ...right, password: 'wrong' }
// The answers are 401 and 429 however busy the machine is.
const patient = { READTHROUGH_DEADLINE_MS: '60000' }
const office = '198.51.100.1'

function createBrowser({ app }: Service, firstAddress: string) {
  const { post } = createClient(app)
  let remoteAddress = firstAddress
  let cookies: Record<string, string> = {}
  return {
    moveTo: (address: string) => void (remoteAddress = address),
    logOut: () => post('logout', undefined, { remoteAddress, cookies }),
    async login(body: object, headers: Record<string, string> = {}): Promise<Reply> {
      const reply = await post('login', { ...body, cookie: true }, { remoteAddress, cookies, headers })
      cookies = { ...cookies, ...Object.fromEntries(reply.cookies.map(({ name, value }) => [name, value])) }
      return reply
    },
    deviceCookie: () => cookies['firstlogin-device'],
  }
}

function from({ app }: Service, remoteAddress: string) {
  const { post } = createClient(app)
  return (body: object) => post('login', body, { remoteAddress })
}

t.test('of 120 logins at once ten passwords are looked at, and 110 answers are 429', async (t) => {
  const service = await (await createWorld(t)).start(patient)
  const attacker = from(service, '203.0.113.7')
  for (const email of [right.email, 'unknown@example.com']) {
    const replies = await Promise.all(Array.from({ length: 120 }, () => attacker({ ...wrong, email })))
    const statuses = replies.map(({ statusCode }) => statusCode)
    t.equal(statuses.filter((status) => status === 401).length, 10, email)
    t.equal(statuses.filter((status) => status === 429).length, 110, email)
  }
})

t.test(
  'guesses from forty networks lock an account after a hundred, and its owner logs in all the same',
  async (t) => {
    const service = await (await createWorld(t)).start(patient)
    const owner = createBrowser(service, office)
    t.equal((await owner.login(right)).statusCode, 200)
    for (const email of [right.email, 'unknown@example.com']) {
      let guesses = 0
      for (let network = 0; network < 11; network += 1) {
        const attacker = from(service, `203.0.113.${network}`)
        const replies = await Promise.all(Array.from({ length: 10 }, () => attacker({ ...wrong, email })))
        guesses += replies.filter(({ statusCode }) => statusCode === 401).length
      }
      t.equal(guesses, 100, email)
      isProblem(
        t,
        await from(service, '192.0.2.1')({ ...right, email }),
        'FL_LOGIN_THROTTLED',
        'from a new network',
      )
    }
    await owner.logOut()
    owner.moveTo('192.0.2.2')
    t.equal((await owner.login(right)).statusCode, 200, 'with the device cookie, from a new network')
    t.equal((await from(service, '192.0.2.1')(right)).statusCode, 200, 'which unlocked the account')
  },
)

t.test('a neighbor on one NAT cannot keep the right password out', async (t) => {
  const service = await (await createWorld(t)).start(patient)
  const owner = createBrowser(service, office)
  t.equal((await owner.login(right)).statusCode, 200)
  const neighbor = from(service, office)
  const replies = await Promise.all(Array.from({ length: 50 }, () => neighbor(wrong)))
  t.equal(replies.filter(({ statusCode }) => statusCode === 401).length, 30)
  isProblem(t, await neighbor(right), 'FL_LOGIN_THROTTLED')
  t.equal((await owner.login(right)).statusCode, 200)
})

t.test(
  'the device cookie outlasts a logout, stays the same, and is not read from a page of another origin',
  async (t) => {
    const service = await (await createWorld(t)).start(patient)
    const owner = createBrowser(service, office)
    await owner.login(right)
    const device = owner.deviceCookie()
    t.match(device, /^[\w-]{22}\.[\w-]{43}$/)
    await owner.logOut()
    await owner.login(right)
    t.equal(owner.deviceCookie(), device)
    owner.moveTo('192.0.2.2')
    for (let i = 0; i < 10; i += 1)
      isProblem(t, await owner.login(wrong, { origin: 'https://evil.example' }), 'FL_CREDENTIALS_INVALID')
    isProblem(t, await owner.login(wrong, { origin: 'https://evil.example' }), 'FL_LOGIN_THROTTLED')
    t.equal((await owner.login(right)).statusCode, 200, 'those did not count for the device')
    const plain = await from(service, office)(right)
    t.same(plain.cookies, [], 'and a login without cookies sets none')
  },
)
