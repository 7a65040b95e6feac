import t from 'tap'
import { createWorld } from '../../support/service.ts'
import { createClient, isProblem } from './client.ts'
import { tellOfAda } from './news.ts'

const uuidV7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const isoTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

t.test('POST /api/auth/login lets people of Airtable in at their very first try', async (t) => {
  const { start, sql } = await createWorld(t)
  const service = await start()

  t.test('with exactly the documented reply', async (t) => {
    const reply = await service.login('ada@example.com', 'analytical-engine')
    t.equal(reply.statusCode, 200)
    t.match(reply.headers['content-type'], /^application\/json/)
    t.equal(reply.headers['cache-control'], 'no-store')
    const { user, accessToken, refreshToken, ...rest } = reply.json()
    t.same(rest, { tokenType: 'Bearer', expiresIn: 600 })
    t.match(accessToken, /^[\w-]+\.[\w-]+\.[\w-]+$/)
    t.match(refreshToken, /^[\w-]{60,}$/)
    const { id, createdAt, lastLoginAt, ...said } = user
    t.same(said, {
      email: 'ada@example.com',
      name: 'Ada Lovelace',
      avatarUrl: null,
      emailVerified: false,
      status: 'active',
      role: 'admin',
    })
    t.match(id, uuidV7)
    t.match(createdAt, isoTime)
    t.match(lastLoginAt, isoTime)
  })

  t.test('whatever the capitals and blanks around the address, stored or typed', async (t) => {
    const replies = []
    for (const email of ['Grace@Example.com', 'grace@example.com', '  GRACE@EXAMPLE.COM '])
      replies.push(await service.login(email, 'nanoseconds-matter'))
    t.same(
      replies.map((reply) => reply.statusCode),
      [200, 200, 200],
    )
    t.equal(new Set(replies.map((reply) => reply.json().user.id)).size, 1)
    t.equal(replies[0]?.json().user.email, 'Grace@Example.com', 'shown as the upstream writes it')
  })

  t.test('with an apostrophe in the address', async (t) => {
    const reply = await service.login("o'brien@example.com", 'quote-me-on-that')
    t.match(reply.json().user, { email: "o'brien@example.com", role: 'viewer' })
  })

  t.test('but not without a password hash there', async (t) => {
    for (const password of ['', ' ', 'null', 'undefined']) {
      const reply = await service.login('alan@example.com', password)
      isProblem(t, reply, password === '' ? 'FL_REQUEST_INVALID' : 'FL_CREDENTIALS_INVALID')
    }
  })

  t.test('nor as one of two records that claim one address', async (t) => {
    isProblem(t, await service.login('twin@example.com', 'two-of-a-kind'), 'FL_CREDENTIALS_INVALID')
    t.match(
      service.log.find((line) => line.event === 'readthrough.ambiguous'),
      { records: ['airtable:recTwinLowercase1', 'airtable:recTwinUppercase1'] },
    )
    t.same(await sql`select from firstlogin.users where email_canonical = 'twin@example.com'`, [])
  })
})

t.test('a disabled account learns that it is disabled from the right password only', async (t) => {
  const { start } = await createWorld(t)
  const { login } = await start()
  isProblem(t, await login('edsger@example.com', 'goto-considered-helpful'), 'FL_CREDENTIALS_INVALID')
  isProblem(t, await login('edsger@example.com', 'goto-considered-harmful'), 'FL_ACCOUNT_INACTIVE')
})

t.test('wrong password, unknown address and deleted account get one answer, byte by byte', async (t) => {
  const { start, sql } = await createWorld(t)
  const { login } = await start()
  await login('ada@example.com', 'analytical-engine')
  await login('grace@example.com', 'nanoseconds-matter')
  await tellOfAda(sql, 'deleted')
  const replies = [
    await login('grace@example.com', 'wrong'),
    await login('nobody@example.com', 'wrong'),
    await login('ada@example.com', 'wrong'),
    await login('ada@example.com', 'analytical-engine'),
    await login('alan@example.com', 'wrong'),
    await login('edsger@example.com', 'wrong'),
    await login('twin@example.com', 'wrong'),
  ]
  for (const reply of replies) isProblem(t, reply, 'FL_CREDENTIALS_INVALID')
  const bodies = replies.map((reply) => reply.body.replace(reply.json().requestId, '-'))
  t.equal(new Set(bodies).size, 1)
  const names = replies.map(({ headers }) => Object.keys(headers).sort().join())
  t.equal(new Set(names).size, 1, 'with the same headers')
})

t.test('addresses of proxies and interfaces that are no addresses do not stand in the way', async (t) => {
  const { start, sql } = await createWorld(t)
  const { post } = createClient((await start()).app)
  const ada = { email: 'ada@example.com', password: 'analytical-engine' }
  for (const remoteAddress of ['fe80::1%eth0', '1.2.3.4:5678', 'unknown', '2001:db8::7'])
    t.equal((await post('login', ada, { remoteAddress })).statusCode, 200, remoteAddress)
  const rows = await sql<
    { address: string | null }[]
  >`select address::text from firstlogin.sessions order by id`
  t.same(
    rows.map(({ address }) => address),
    ['fe80::1/128', null, null, '2001:db8::7/128'],
  )
})
