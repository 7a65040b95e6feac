import { hash } from '@node-rs/argon2'
import t from 'tap'
import { createAirtableStandIn } from '../../../sandbox/airtable/stand-in.ts'
import { signatureOf, syncOn } from '../../support/events.ts'
import { until } from '../../support/until.ts'
import { createVendors, forgetAll, instanceId, svixHeaders } from '../../support/vendors.ts'

const world = await createVendors(t)
const { sql, clerk } = world
const airtable = createAirtableStandIn({ token: 'patSandbox.token', records: [], rateLimit: false })
const apiUrl = await airtable.listen()
t.teardown(() => airtable.close())
const settings = {
  ...syncOn,
  AIRTABLE_TOKEN: 'patSandbox.token',
  AIRTABLE_BASE_ID: airtable.baseId,
  AIRTABLE_TABLE: 'Users',
  AIRTABLE_API_URL: apiUrl,
  LOGIN_RATE_PER_MINUTE: '1000000',
}
const beside = await world.start('airtable,clerk', settings)
const alone = await world.start('airtable', settings)

const email = 'ada@example.com'
const other = 'eve@example.com'
const victim = 'user_2victim'
const password = 'the password of an attacker'
const [passwordHash, ownHash, newHash] = await Promise.all(
  [password, 'the password of the owner', 'the next password of the owner'].map((text) =>
    hash(text, { memoryCost: 64, timeCost: 1, parallelism: 1 }),
  ),
)

let made = 0
/** Later with each event: they happen one after the other. */
let now = Date.parse('2026-11-20T10:00:00.000Z')

type Host = typeof beside

/** A signed event of the table. */
async function tell(host: Host, eventType: string, user: object) {
  now += 1000
  const event = { eventId: `evt_${++made}`, eventType, occurredAt: new Date(now).toISOString(), user }
  const body = JSON.stringify(event)
  return host.post('/api/sync/users/inbound', body, { 'x-signature': signatureOf(body) })
}

/** An event of the victim's account, whose address Clerk has verified. */
async function tellAccount(type = 'user.created') {
  now += 1000
  const address = { id: 'idn_1', email_address: email, verification: { status: 'verified' } }
  const data = {
    id: victim,
    first_name: 'Ada',
    primary_email_address_id: 'idn_1',
    email_addresses: [address],
    updated_at: now,
  }
  const body = JSON.stringify({ type, timestamp: now, instance_id: instanceId, data })
  const reply = await beside.post(
    '/api/sync/clerk',
    body,
    svixHeaders(clerk.webhookSecret, `msg_${++made}`, body),
  )
  if (reply.statusCode !== 200) throw new Error(`Clerk's event was refused: ${reply.body}`)
}

async function visit(): Promise<{ status: number; userId: string | undefined }> {
  const token = await clerk.sessionToken({ userId: victim })
  const reply = await beside.app.inject({
    url: '/api/auth/identity',
    headers: { authorization: `Bearer ${token}` },
  })
  return { status: reply.statusCode, userId: reply.json<{ user?: { id: string } }>().user?.id }
}

/** Everything that the attacker got hold of: access tokens, and how they are answered. */
async function signIn(host: Host, address: string, secret = password): Promise<string[]> {
  const payload = { email: address, password: secret }
  const reply = await host.app.inject({ method: 'POST', url: '/api/auth/login', payload })
  return reply.statusCode === 200 ? [reply.json<{ accessToken: string }>().accessToken] : []
}

async function idBy(host: Host, token: string): Promise<string | undefined> {
  const reply = await host.app.inject({
    url: '/api/auth/me',
    headers: { authorization: `Bearer ${token}` },
  })
  return reply.json<{ user?: { id: string } }>().user?.id
}

/** Waits until a token is no longer answered as a user's: instances hear of it behind the answer. */
async function untilEnded(host: Host, token: string, userId: string | undefined): Promise<void> {
  await until(async () => (await idBy(host, token)) !== userId)
}

function ordersOf<T>(all: T[]): T[][] {
  if (all.length < 2) return [all]
  return all.flatMap((first, index) => ordersOf(all.toSpliced(index, 1)).map((rest) => [first, ...rest]))
}

async function forget(): Promise<void> {
  await forgetAll(sql)
  await sql`truncate firstlogin.login_failures`
  // Each order has all the calls that it needs.
  await sql`update firstlogin.upstream_gates set state = state || '{"starts": []}'`
}

clerk.users.put({ id: victim, email, first_name: 'Ada' })

t.test('A, B: a row with the address of a verified account never acts as it, in any order', async (t) => {
  const row = { id: 'recAttacker000001', email, name: 'Eve', role: 'Owner', status: 'active', passwordHash }
  for (const order of ordersOf(['row', 'account', 'token', 'login'])) {
    await forget()
    const tokens: string[] = []
    for (const step of order) {
      if (step === 'row') t.equal((await tell(beside, 'user.created', row)).statusCode, 200)
      if (step === 'account') await tellAccount()
      if (step === 'token') await visit()
      if (step === 'login') tokens.push(...(await signIn(beside, email)))
    }
    tokens.push(...(await signIn(beside, email)))
    const seen = await visit()
    const name = order.join(', ')
    t.equal(seen.status, 200, `the owner is let in: ${name}`)
    // It throws where the attacker goes on as the owner.
    for (const token of tokens) await untilEnded(beside, token, seen.userId)
    t.match(
      await sql`select name, role, status, password_hash as hash from firstlogin.users where id = ${seen.userId ?? ''}`,
      [{ name: 'Ada', role: 'viewer', status: 'active', hash: null }],
      name,
    )
  }
})

t.test('A: the row is there first only upstream, and a login brings it', async (t) => {
  await forget()
  await tellAccount()
  airtable.records.put('recAttacker000001', { Email: email, Name: 'Eve', 'Password Hash': passwordHash })
  t.strictSame(await signIn(beside, email), [])
  t.match(await visit(), { status: 200 })
  t.match(await sql`select user_id from firstlogin.identities where external_id = 'recAttacker000001'`, [
    { user_id: null },
  ])
  airtable.records.remove('recAttacker000001')
})

t.test(
  'C: a row that changes its address to that of an account takes nothing along, in any order',
  async (t) => {
    const row = { id: 'recAttacker000001', email: other, name: 'Eve', status: 'active', passwordHash }
    for (const order of ordersOf(['account', 'change', 'login', 'token'])) {
      await forget()
      await tell(beside, 'user.created', row)
      const tokens = await signIn(beside, other)
      t.equal(tokens.length, 1)
      for (const step of order) {
        if (step === 'change') await tell(beside, 'user.updated', { id: row.id, email })
        if (step === 'account') await tellAccount()
        if (step === 'token') await visit()
        if (step === 'login') for (const one of [email, other]) tokens.push(...(await signIn(beside, one)))
      }
      tokens.push(...(await signIn(beside, email)))
      const seen = await visit()
      t.equal(seen.status, 200)
      for (const token of tokens) await untilEnded(beside, token, seen.userId)
    }
  },
)

t.test('a change of address ends the sessions', async (t) => {
  await forget()
  const row = { id: 'recOwner000000001', email: other, status: 'active', passwordHash: ownHash }
  await tell(alone, 'user.created', row)
  const [token = ''] = await signIn(alone, other, 'the password of the owner')
  const id = await idBy(alone, token)
  t.ok(id)
  await tell(alone, 'user.updated', { id: row.id, email: 'eve@example.org' })
  await untilEnded(alone, token, id)
  t.equal((await signIn(alone, 'eve@example.org', 'the password of the owner')).length, 1)
})

t.test(
  'duplicates by event: nothing of the user changes and the user is not locked out, in any order',
  async (t) => {
    const first = { id: 'recOwner000000001', email, name: 'Ada', role: 'Member', status: 'active' }
    const second = { id: 'recDuplicate00001', email, name: 'Eve', role: 'Owner', status: 'active' }
    airtable.records.put(first.id, { Email: email, Name: 'Ada', Role: 'Member', 'Password Hash': ownHash })
    for (const order of ordersOf(['second', 'gone', 'login', 'third'])) {
      await forget()
      await tell(alone, 'user.created', { ...first, passwordHash: ownHash })
      const [before = ''] = await signIn(alone, email, 'the password of the owner')
      const id = await idBy(alone, before)
      for (const step of order) {
        if (step === 'second') await tell(alone, 'user.created', { ...second, passwordHash })
        if (step === 'third') await tell(alone, 'user.updated', { ...second, status: 'disabled' })
        if (step === 'gone') await tell(alone, 'user.deleted', { id: second.id })
        if (step === 'login') await signIn(alone, email)
      }
      t.equal(await idBy(alone, before), id, order.join(', '))
      t.strictSame(await signIn(alone, email), [], 'the password of the duplicate is none')
      t.equal((await signIn(alone, email, 'the password of the owner')).length, 1)
      t.match(await sql`select name, role, status from firstlogin.users where id = ${id ?? ''}`, [
        { name: 'Ada', role: 'member', status: 'active' },
      ])
    }
    airtable.records.remove(first.id)
  },
)

t.test(
  'a new hash in the table replaces the password and ends its sessions; a repeated one does not',
  async (t) => {
    await forget()
    const row = { id: 'recOwner000000001', email, status: 'active', passwordHash: ownHash }
    await tell(alone, 'user.created', row)
    const [token = ''] = await signIn(alone, email, 'the password of the owner')
    await tell(alone, 'user.updated', { ...row, name: 'Ada' })
    const id = await idBy(alone, token)
    t.ok(id, 'a repeated hash, after it was replaced here by a stronger one')
    await tell(alone, 'user.updated', { id: row.id, passwordHash: newHash })
    await untilEnded(alone, token, id)
    t.strictSame(await signIn(alone, email, 'the password of the owner'), [])
    const [next = ''] = await signIn(alone, email, 'the next password of the owner')
    t.ok(await idBy(alone, next))
    await tell(alone, 'user.updated', { id: row.id, passwordHash: null })
    await untilEnded(alone, next, id)
    t.strictSame(await signIn(alone, email, 'the next password of the owner'), [])
  },
)
