import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { catalogue, type ErrorCode } from '../../../errors.ts'
import { until } from '../../support/until.ts'
import { clerkRows } from './forgeries/clerk.ts'
import { fronteggRows } from './forgeries/frontegg.ts'
import { ourRows } from './forgeries/ours.ts'
import { type Issuer, mint, type Right, type Row } from './forgeries/row.ts'
import { attackersJwk } from './forgeries/signing.ts'
import {
  type Ask,
  createForgeryWorld,
  type ForgeryWorld,
  type Host,
  newFronteggId,
} from './forgeries/world.ts'

const rows = [...clerkRows, ...fronteggRows, ...ourRows]
const world = await createForgeryWorld(t, { keys: [{ ...attackersJwk('RS256'), kid: 'attacker' }] })

/** Changes with all that a token could write, but not with last logins, which move behind the answer. */
async function readRows({ sql }: ForgeryWorld): Promise<unknown> {
  const [row] = await sql`
    select
      (select row(count(*), max(updated_at))::text from firstlogin.users) as users,
      (select row(count(*), max(xmin::text::bigint))::text from firstlogin.identities) as identities,
      (select row(count(*), max(xmin::text::bigint))::text from firstlogin.organizations) as organizations,
      (select row(count(*), max(xmin::text::bigint))::text from firstlogin.memberships) as memberships,
      (select row(count(*), max(xmin::text::bigint))::text from firstlogin.sessions) as sessions`
  return row
}

function isLeaked(text: string, token: string): boolean {
  return [token, ...token.split('.').filter((segment) => segment.length >= 16)].some((part) =>
    text.includes(part),
  )
}

/** A refusal that says why in a code, tells nothing of the token, and writes nothing. */
async function expectRefusal(t: Test, host: Host, ask: Ask, code: ErrorCode, when: string) {
  const before = await readRows(world)
  const answer = await host.ask(ask)
  t.match(
    { status: answer.statusCode, ...answer.json<object>() },
    { status: catalogue[code][0], code, type: `urn:firstlogin:error:${code}` },
    when,
  )
  t.match(answer.headers['content-type'], /^application\/problem\+json/)
  t.notOk(isLeaked(answer.body, ask.token), `the answer does not repeat it, ${when}`)
  t.same(await readRows(world), before, `nothing is written, ${when}`)
}

async function tryRow(t: Test, row: Row) {
  const { of, code = 'FL_TOKEN_INVALID', right: { on } = {} } = row
  const host = on ? world[on] : world.host
  const logged = host.logText().length
  const right = await mint(row, world)
  const made = await row.forge(right, world)
  const ask = typeof made === 'string' ? { token: made } : made

  if (!row.spoil) await expectRefusal(t, host, ask, code, 'of whom nobody has seen yet')
  const accepted = await host.ask(right)
  t.equal(accepted.statusCode, 200, 'what it was made of is accepted')
  t.match(accepted.json(), {
    upstream: of === 'ours' ? null : of,
    claims: { sub: right.user },
    organizationId: /^[0-9a-f-]{36}$/,
  })
  if (row.spoil) {
    t.equal((await host.ask(right)).statusCode, 200, 'and again, from memory')
    await row.spoil(right, world)
    await expectSoon(t, [host], right.token, catalogue[code][0], code)
  }
  await expectRefusal(t, host, ask, code, 'of whom everybody knows')

  const log = host.logText().slice(logged)
  t.notOk(isLeaked(log, ask.token), 'the log does not have the forgery')
  t.notOk(isLeaked(log, right.token), 'the log does not have the right one')
}

t.test("no token of one issuer, environment or organization is ever taken for another's", async (t) => {
  for (const row of rows) await t.test(`${row.of}: ${row.name}`, (t) => tryRow(t, row))
  t.same(world.trap.calls, [], 'nobody has asked where an attacker said to')
  t.equal(new Set(rows.map(({ of, name }) => `${of}: ${name}`)).size, rows.length)
  t.ok(rows.length >= 60, `${rows.length} forgeries`)
})

const issuers: readonly Issuer[] = ['clerk', 'frontegg', 'ours']
const vendors = ['clerk', 'frontegg'] as const

async function mintPlain(of: Issuer): Promise<Right> {
  return mint({ name: '', of, forge: ({ token }) => token }, world)
}

const characters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/% \t~'.split('')

for (const of of issuers)
  t.test(`a valid token of ${of} with any one character changed is refused`, async (t) => {
    const { token, segments } = await mintPlain(of)
    t.equal((await world.host.ask({ token })).statusCode, 200)
    const signature = Buffer.from(segments[2], 'base64url')
    const place = fc.nat(2).chain((at) => fc.tuple(fc.constant(at), fc.nat((segments[at]?.length ?? 1) - 1)))
    await fc.assert(
      fc.asyncProperty(place, fc.constantFrom(...characters), async ([at, index], character) => {
        const segment = segments[at] ?? ''
        fc.pre(segment[index] !== character)
        const changed = segment.slice(0, index) + character + segment.slice(index + 1)
        // Another spelling of the same bytes is a row of its own in the table.
        fc.pre(at !== 2 || !Buffer.from(changed, 'base64url').equals(signature))
        const answer = await world.host.ask({ token: segments.with(at, changed).join('.') })
        return (
          answer.statusCode === 401 &&
          ['FL_TOKEN_INVALID', 'FL_SESSION_INVALID'].includes(answer.json<{ code: string }>().code)
        )
      }),
      { numRuns: 300 },
    )
  })

for (const of of vendors)
  t.test(
    `who is disabled or deleted at ${of} is refused at once by every instance, token in hand`,
    async (t) => {
      const { token, user, sign } = await mintPlain(of)
      const hosts = [world.host, world.twin]
      const news = { upstream: of, externalId: user } as const
      const setStatus = (status: 'active' | 'disabled') =>
        world.parties.app.provisioner.apply([
          {
            type: 'user.upserted',
            ...news,
            isAccount: true,
            created: false,
            fields: { status },
            stamp: { at: Date.now(), event: status },
          },
        ])
      // The second time from memory.
      for (const host of [...hosts, ...hosts]) t.equal((await host.ask({ token })).statusCode, 200)

      await setStatus('disabled')
      await expectSoon(t, hosts, token, 403, 'FL_ACCOUNT_INACTIVE')
      const newer = await sign({ jti: newFronteggId() })
      for (const host of hosts) {
        await expectRefusal(t, host, { token }, 'FL_ACCOUNT_INACTIVE', 'again')
        await expectRefusal(t, host, { token: newer }, 'FL_ACCOUNT_INACTIVE', 'with a newer token')
      }

      await setStatus('active')
      await expectSoon(t, hosts, token, 200)
      await world.parties.app.provisioner.apply([
        { type: 'user.deleted', ...news, stamp: { at: Date.now(), event: 'deleted' } },
      ])
      await expectSoon(t, hosts, token, 401, 'FL_TOKEN_INVALID')
      for (const host of hosts) {
        await expectRefusal(t, host, { token }, 'FL_TOKEN_INVALID', 'again')
        await expectRefusal(t, host, { token: newer }, 'FL_TOKEN_INVALID', 'with a newer token')
      }
    },
  )

/** As soon as every instance has heard of it, and before anything that is cached runs out. */
async function expectSoon(t: Test, hosts: Host[], token: string, status: number, code?: ErrorCode) {
  const answers = await until(async () => {
    const found = await Promise.all(hosts.map((host) => host.ask({ token })))
    return found.every(({ statusCode }) => statusCode === status) && found
  })
  for (const answer of answers) {
    t.equal(answer.statusCode, status)
    if (code) t.match(answer.json(), { code })
  }
}

t.test('a session that was ended here is refused here at once, token in memory', async (t) => {
  const { host } = world
  const statuses: number[] = []
  for (let i = 0; i < 20; i++) {
    const { token, claims } = await mintPlain('ours')
    for (let visit = 0; visit < 2; visit++) t.equal((await host.ask({ token })).statusCode, 200)
    await host.app.tokens.revoke(String(claims['sid']))
    statuses.push((await host.ask({ token })).statusCode)
  }
  t.same(new Set(statuses), new Set([401]), statuses.join(' '))
})

t.test('the scheme may be written in any case, with blanks around the token', async (t) => {
  for (const of of issuers) {
    const { token } = await mintPlain(of)
    for (const authorization of [`bearer ${token}`, `BEARER ${token}`, `Bearer   ${token} `])
      t.equal((await world.host.ask({ token, headers: { authorization } })).statusCode, 200, of)
  }
})

t.test('of two Authorization headers the first counts, whatever the second one is', async (t) => {
  const [{ token }, forged] = [await mintPlain('clerk'), 'a.b.c']
  await world.host.app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = world.host.app.server.address() as AddressInfo
  const ask = async (first: string, second: string) => {
    const socket = connect(port, '127.0.0.1')
    const lines = [first, second].map((one) => `authorization: Bearer ${one}`)
    socket.write(['GET /who HTTP/1.1', 'host: x', 'connection: close', ...lines, '', ''].join('\r\n'))
    let text = ''
    socket.on('data', (chunk) => (text += chunk.toString()))
    await once(socket, 'close')
    return text.split(' ', 2)[1]
  }
  t.equal(await ask(token, forged), '200')
  t.equal(await ask(forged, token), '401')
})

t.test('x-organization-id does not move the token of a vendor to another organization', async (t) => {
  const { person, otherOrganizationId, deletedOrganizationId } = world
  for (const of of vendors) {
    const { token, headers } = await mintPlain(of)
    const own = (await world.host.ask({ token })).json<{ organizationId: string }>().organizationId
    for (const named of [person.organizationId, otherOrganizationId, deletedOrganizationId, 'acme', '']) {
      const answer = await world.host.ask({ token, headers: { ...headers, 'x-organization-id': named } })
      t.match(answer.json(), { organizationId: own, upstream: of })
    }
  }
})

t.test("one upstream's id of an organization is nothing at another one", async (t) => {
  const frontegg = await mintPlain('frontegg')
  t.equal((await world.host.ask(frontegg)).statusCode, 200)
  const clerk = await mintPlain('clerk')
  const token = await clerk.sign({ o: { id: frontegg.organization, rol: 'admin' } })
  t.equal((await world.host.ask({ token })).statusCode, 401)
})
