import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { until } from '../../support/until.ts'
import {
  createVendors,
  forgetAll,
  readEvents,
  readMembers,
  readPeople,
  signIn,
  svixHeaders,
} from '../../support/vendors.ts'

const world = await createVendors(t)
const { sql, clerk } = world
const host = await world.start('clerk')
t.beforeEach(() => forgetAll(sql))

const at = 1767606300000
const jane = 'user_2h8op3Isl1QR7tKu5FGNfaLKEoU'
const acme = 'org_2g7np7Hrk0SN6kj5EDMLDaKNL0S'

interface ClerkEvent {
  type: string
  timestamp: number
  data: Record<string, unknown>
  [key: string]: unknown
}

function fixture(type: string): ClerkEvent {
  return JSON.parse(readFileSync(new URL(`../../fixtures/clerk/${type}.json`, import.meta.url), 'utf8'))
}

/** As Clerk's documentation has it, so many milliseconds after the first of all. */
function eventOf(type: string, later = 0, data: object = {}): ClerkEvent {
  const event = fixture(type)
  const version = 'updated_at' in event.data ? { updated_at: at + later } : {}
  return { ...event, timestamp: at + later, data: { ...event.data, ...version, ...data } }
}

/** Of somebody whose only address is this one. */
function userOf(type: string, later: number, id: string, email: string, status = 'verified'): ClerkEvent {
  const address = { id: 'idn_2main', email_address: email, reserved: false, verification: { status } }
  return eventOf(type, later, { id, email_addresses: [address] })
}

function membershipOf(what: string, later = 0, own: { user?: string; org?: string; role?: string } = {}) {
  const { user = jane, org = acme, role = 'org:member' } = own
  const event = eventOf(`organizationMembership.${what}`, later, { role })
  const { organization, public_user_data: member } = event.data
  return {
    ...event,
    data: {
      ...event.data,
      organization: { ...(organization as object), id: org, updated_at: at + later },
      public_user_data: { ...(member as object), user_id: user },
    },
  }
}

let told = 0

function post(body: string, headers: Record<string, string>) {
  return host.post('/api/sync/clerk', body, headers)
}

async function send(event: object, id = `msg_${(told += 1)}`) {
  const body = JSON.stringify(event)
  return post(body, svixHeaders(clerk.webhookSecret, id, body))
}

async function tell(event: object, id?: string): Promise<string> {
  const reply = await send(event, id)
  return reply.json<{ result?: string; code: string }>().result ?? reply.json<{ code: string }>().code
}

const tokenOf = (userId = jane, organizationId = acme) => clerk.sessionToken({ userId, organizationId })
const statusOf = async (token: string) => (await host.get('/ids', token)).statusCode

t.test('"`organization.created` → Upserts to `organization` table"', async (t) => {
  t.equal(await tell(eventOf('organization.created')), 'processed')
  t.match(
    await sql`select name, status, bucket = 'org-' || slug as "hasBucket" from firstlogin.organizations`,
    [{ name: 'Acme Corp', status: 'active', hasBucket: true }],
  )
})

t.test(
  '"`organization.updated` → Upserts to `organization` table", even first, and never backwards',
  async (t) => {
    const name = async () =>
      (await sql<{ name: string }[]>`select name from firstlogin.organizations`)[0]?.name
    t.equal(await tell(eventOf('organization.updated', 20, { name: 'Second' })), 'processed')
    t.equal(await name(), 'Second')
    await tell(eventOf('organization.created', 0))
    t.equal(await tell(eventOf('organization.updated', 10, { name: 'First' })), 'stale')
    t.equal(await name(), 'Second')
    t.equal(await tell(eventOf('organization.updated', 30, { name: 'Third' })), 'processed')
    t.equal(await name(), 'Third')
  },
)

t.test(
  'public metadata of an organization arrives in settings.clerk, beside the keys of the host',
  async (t) => {
    const settings = async () =>
      (await sql<{ settings: object }[]>`select settings from firstlogin.organizations`)[0]?.settings
    const metadata = { plan: 'pro', seats: 5, constructor: { prototype: { polluted: true } } }
    t.equal(await tell(eventOf('organization.created', 0, { public_metadata: metadata })), 'processed')
    t.same(await settings(), { clerk: { plan: 'pro', seats: 5 } })
    await sql`update firstlogin.organizations set settings = settings || '{"theme": "dark"}'`
    await tell(eventOf('organization.updated', 20, { public_metadata: { plan: 'free' } }))
    t.same(await settings(), { clerk: { plan: 'free' }, theme: 'dark' })
    await tell(eventOf('organization.updated', 10, { public_metadata: { plan: 'late' } }))
    t.same(await settings(), { clerk: { plan: 'free' }, theme: 'dark' }, 'never backwards')
  },
)

t.test('the slug is Clerk’s where it is free, and stays', async (t) => {
  const slugs = async () =>
    (await sql<{ slug: string }[]>`select slug from firstlogin.organizations order by created_at, id`).map(
      ({ slug }) => slug,
    )
  await tell(eventOf('organization.created', 0, { slug: 'acme' }))
  await tell(eventOf('organization.created', 0, { id: 'org_2other', slug: 'acme' }))
  const [first, second = ''] = await slugs()
  t.equal(first, 'acme')
  t.match(second, /^acme-[0-9a-f]{4}$/)
  await tell(eventOf('organization.updated', 20, { slug: 'renamed' }))
  t.same(await slugs(), [first, second], 'buckets are named by it')
})

t.test(
  '"`organization.deleted` → Deletes from `organization` table" and ends all its memberships',
  async (t) => {
    await tell(membershipOf('created', 0))
    await tell(membershipOf('created', 0, { user: 'user_2other' }))
    t.same((await readMembers(sql)).length, 2)
    const held = await tokenOf()
    t.equal(await statusOf(held), 200)
    t.equal(await tell(eventOf('organization.deleted', 10)), 'processed')
    t.same(await readMembers(sql), [])
    await until(async () => (await statusOf(held)) === 403)
    await tell(membershipOf('created', 5))
    await tell(eventOf('organization.updated', 5))
    t.match(await sql`select status from firstlogin.organizations`, [{ status: 'deleted' }], 'older news')
    t.same((await readPeople(sql)).length, 2, 'its members are people still')
  },
)

t.test(
  '"`user.created` → Logs event (profile created when user joins org)": the person is there at once',
  async (t) => {
    t.equal(await tell(eventOf('user.created')), 'processed')
    t.match(await readPeople(sql), [{ email: 'jane@example.com', name: 'Jane Doe', status: 'active' }])
    t.same(await readMembers(sql), [])
  },
)

t.test(
  '"`organizationMembership.created` → Creates `user_profile` record", "User can access app immediately"',
  async (t) => {
    t.equal(await tell(membershipOf('created')), 'processed')
    t.same(await readMembers(sql), ['Jane Doe in Acme Corp as member'], 'though nothing else was told before')
    t.equal(await statusOf(await tokenOf()), 200)
    await tell(eventOf('user.created'))
    await tell(eventOf('organization.created'))
    t.match(await readPeople(sql), [{ email: 'jane@example.com' }], 'the address comes to the same person')
    t.same(await readMembers(sql), ['Jane Doe in Acme Corp as member'])
  },
)

t.test(
  '"`organizationMembership.deleted` → Deletes `user_profile` record", "User loses access to org\'s data"',
  async (t) => {
    await tell(membershipOf('created'))
    const held = await tokenOf()
    t.equal(await statusOf(held), 200)
    t.equal(await tell(membershipOf('deleted', Date.now() - at + 1000)), 'processed')
    t.same(await readMembers(sql), [])
    await until(async () => (await statusOf(held)) === 403)
    t.match((await host.get('/ids', held)).json(), { code: 'FL_ORGANIZATION_MISSING' })
    t.equal((await readPeople(sql)).length, 1)
    t.equal(await tell(membershipOf('created', Date.now() - at + 2000)), 'processed', 'invited again')
    t.equal((await readMembers(sql)).length, 1)
  },
)

t.test('organizationMembership.updated changes the role, and an older one comes too late', async (t) => {
  await tell(membershipOf('created', 0))
  t.equal(await tell(membershipOf('updated', 20, { role: 'org:admin' })), 'processed')
  await tell(membershipOf('updated', 10, { role: 'org:member' }))
  t.same(await readMembers(sql), ['Jane Doe in Acme Corp as admin'])
})

t.test(
  'user.updated tells a new name and address; a ban keeps the person out until it is lifted',
  async (t) => {
    await tell(membershipOf('created'))
    const held = await tokenOf()
    t.equal(await statusOf(held), 200)
    await tell(userOf('user.updated', 10, jane, 'jane.roe@example.com'))
    t.match(await readPeople(sql), [{ email: 'jane.roe@example.com' }])
    await tell(eventOf('user.updated', 20, { banned: true }))
    await until(async () => (await statusOf(held)) === 403)
    t.match((await host.get('/ids', held)).json(), { code: 'FL_ACCOUNT_INACTIVE' })
    await tell(eventOf('user.updated', 30, { first_name: null, last_name: null }))
    t.match(await readPeople(sql), [{ status: 'active', name: null }], 'nobody is called null')
    await until(async () => (await statusOf(held)) === 200)
  },
)

// shared/cases/clerk-metadata-prototype-key.json
t.test('what users write into their own metadata does not keep their ban from arriving', async (t) => {
  await tell(eventOf('user.created'))
  const poison = JSON.parse('{"unsafe_metadata":{"__proto__":{"a":1}},"banned":true}') as object
  await tell(eventOf('user.updated', 20, poison))
  t.match(await readPeople(sql), [{ status: 'disabled' }])
})

// shared/cases/clerk-locked.json
t.test("a lock of Clerk's sign-in form ends no session here", async (t) => {
  await tell(membershipOf('created'))
  const held = await tokenOf()
  t.equal(await statusOf(held), 200)
  await tell(eventOf('user.updated', 20, { banned: false, locked: true, lockout_expires_in_seconds: 3600 }))
  t.match(await readPeople(sql), [{ status: 'active' }])
  t.equal(await statusOf(held), 200)
})

// shared/cases/clerk-basic-member.json
t.test('basic_member, as older instances still write it, means member', async (t) => {
  await tell(membershipOf('created', 0, { role: 'basic_member' }))
  t.same(await readMembers(sql), ['Jane Doe in Acme Corp as member'])
})

t.test('user.deleted ends the memberships and the sessions of the person', async (t) => {
  await tell(eventOf('user.created'))
  await tell(membershipOf('created'))
  await tell(membershipOf('created', 0, { org: 'org_2other' }))
  const accessToken = await signIn(host, sql, 'jane@example.com')
  const me = () => host.get('/api/auth/me', accessToken)
  t.equal((await me()).statusCode, 200)
  const held = await tokenOf()
  t.equal(await statusOf(held), 200)
  t.equal(await tell(fixture('user.deleted')), 'processed', 'with its time in seconds')
  t.same(await readPeople(sql), [])
  t.same(await readMembers(sql), [])
  t.match(await sql`select ended_at is not null as "hasEnded" from firstlogin.sessions`, [{ hasEnded: true }])
  await until(async () => (await me()).statusCode === 401)
  await until(async () => (await statusOf(held)) === 401)
  await tell(eventOf('user.updated', 1000))
  await tell(membershipOf('created', 1000))
  t.same(await readPeople(sql), [], 'what is older than the deletion brings nobody back')
})

t.test(
  '"What if a user is in multiple orgs?" "They\'ll have multiple `user_profile` records (one per org)."',
  async (t) => {
    await tell(membershipOf('created'))
    await tell(membershipOf('created', 1, { org: 'org_2globex', role: 'org:admin' }))
    await tell(eventOf('organization.updated', 2, { id: 'org_2globex', name: 'Globex' }))
    t.same(await readMembers(sql), ['Jane Doe in Acme Corp as member', 'Jane Doe in Globex as admin'])
    t.equal((await readPeople(sql)).length, 1)
    await tell(membershipOf('deleted', 10))
    t.same(await readMembers(sql), ['Jane Doe in Globex as admin'], 'each ends for itself')
  },
)

t.test(
  '"Idempotent operations (safe to retry)": a svix-id counts once, however often it comes',
  async (t) => {
    const results = await Promise.all(
      Array.from({ length: 10 }, () => tell(membershipOf('created'), 'msg_again')),
    )
    t.same(results.sort(), ['processed', ...Array.from({ length: 9 }, () => 'replayed')])
    await sql`update firstlogin.users set name = 'Changed here'`
    t.equal(await tell(membershipOf('created'), 'msg_again'), 'replayed')
    t.match(await readPeople(sql), [{ name: 'Changed here' }])
    t.equal((await readEvents(sql)).length, 1)
  },
)

t.test('what nobody handles is answered 200, so that Svix does not try for a day', async (t) => {
  for (const type of ['session.created', 'organizationDomain.created', 'something.new']) {
    const reply = await send({ ...fixture('session.created'), type })
    t.equal(reply.statusCode, 200)
    t.match(reply.json(), { result: 'ignored' })
  }
  t.same(await readPeople(sql), [])
})

t.test('an event of another instance changes nothing and is kept as failed', async (t) => {
  const reply = await send({ ...eventOf('user.created'), instance_id: 'ins_2somebodyElses' })
  t.equal(reply.statusCode, 400)
  t.same(await readPeople(sql), [])
  t.match(await readEvents(sql), [{ type: 'user.created', result: 'failed', reason: 'FL_PAYLOAD_INVALID' }])
})

t.test(
  '"Invalid signatures rejected" before anything is told, and so is a body in other white space',
  async (t) => {
    const event = eventOf('user.created')
    const body = JSON.stringify(event)
    const right = svixHeaders(clerk.webhookSecret, 'msg_signed', body)
    const otherKey = `whsec_${Buffer.from('somebody else’s 24 bytes').toString('base64')}`
    const longAgo = new Date(Date.now() - 301_000)
    const attempts: [string, Record<string, string>][] = [
      [body, {}],
      [body, { ...right, 'svix-signature': '' }],
      [body, { ...right, 'svix-id': 'msg_another' }],
      [body, svixHeaders(otherKey, 'msg_signed', body)],
      [body, svixHeaders(clerk.webhookSecret, 'msg_signed', body, longAgo)],
      [JSON.stringify(event, null, 1), right],
      [`${body}\n`, right],
      ['no event at all', {}],
    ]
    for (const [sent, headers] of attempts) {
      const reply = await post(sent, headers)
      t.equal(reply.statusCode, 401)
      t.match(reply.json(), { code: 'FL_SIGNATURE_INVALID' })
    }
    t.same(await readEvents(sql), [])
    const spaced = JSON.stringify(event, null, 1)
    const reply = await post(spaced, svixHeaders(clerk.webhookSecret, 'msg_signed', spaced))
    t.match(reply.json(), { result: 'processed' }, 'the bytes count, not what they mean')
  },
)

t.test(
  '"Fallback: If webhook fails, middleware creates profile on first request", with a "placeholder name (webhook will update with real name)"',
  async (t) => {
    t.equal(await statusOf(await tokenOf()), 200)
    const [before] =
      await sql`select o.name, o.slug, u.id from firstlogin.organizations o, firstlogin.users u`
    t.equal(before?.['name'], before?.['slug'])
    await tell(eventOf('organization.created'))
    await tell(eventOf('user.created'))
    await tell(membershipOf('created'))
    t.same(await readMembers(sql), ['Jane Doe in Acme Corp as member'])
    t.match(await readPeople(sql), [{ id: before?.['id'], email: 'jane@example.com' }])
  },
)

t.test(
  '"Handles race conditions with webhook/middleware": both at once make one of each, and nobody gets an error',
  async (t) => {
    for (let round = 0; round < 5; round++) {
      await forgetAll(sql)
      const tokens = await Promise.all([tokenOf(), tokenOf(), tokenOf()])
      const events = [eventOf('organization.created'), eventOf('user.created'), membershipOf('created')]
      const replies = await Promise.all([
        ...tokens.map((token) => host.get('/ids', token)),
        ...events.map((event) => send(event)),
        ...tokens.map((token) => host.get('/ids', token)),
      ])
      t.same(new Set(replies.map(({ statusCode }) => statusCode)), new Set([200]))
      t.equal((await readPeople(sql)).length, 1)
      t.same(await readMembers(sql), ['Jane Doe in Acme Corp as member'])
      t.same(
        await sql`
        select user_id, organization_id, count(*) from firstlogin.memberships where active
        group by user_id, organization_id having count(*) > 1`,
        [],
        '"Verify unique constraint working"',
      )
    }
  },
)

t.test(
  'whoever was deleted and signs up again with the same address and a new id is there, with what they join',
  async (t) => {
    const again = 'user_2signedUpAgain'
    await tell(eventOf('user.created'))
    await tell(membershipOf('created'))
    await tell(eventOf('user.deleted', 10))
    t.equal(await tell(userOf('user.created', 20, again, 'jane@example.com')), 'processed')
    await tell(membershipOf('created', 30, { user: again }))
    t.match(await readPeople(sql), [{ email: 'jane@example.com', status: 'active' }])
    t.same(await readMembers(sql), ['Jane Doe in Acme Corp as member'])
    t.equal(await statusOf(await tokenOf(again)), 200)
    t.equal(await statusOf(await tokenOf(jane)), 401)

    await tell(eventOf('user.deleted', 40, { id: again }))
    await tell(userOf('user.created', 50, 'user_2thirdTime', 'jane@example.com'))
    t.equal((await readPeople(sql)).length, 1, 'any number of times')
  },
)

t.test(
  'the same address under a new id is the same person, whichever of the two events comes first',
  async (t) => {
    const again = 'user_2signedUpAgain'
    await tell(eventOf('user.created'))
    await tell(membershipOf('created'))
    const [before] = await readPeople(sql)
    await tell(userOf('user.created', 20, again, 'jane@example.com'))
    await tell(membershipOf('created', 30, { user: again, role: 'org:admin' }))
    await tell(eventOf('user.deleted', 10))
    t.match(await readPeople(sql), [{ id: before?.id, status: 'active' }])
    t.same(await readMembers(sql), ['Jane Doe in Acme Corp as admin'])
  },
)

t.test('somebody whom Airtable knows is one person with a verified address, and two without', async (t) => {
  const fromAirtable = { name: 'Jane of Airtable', email: 'jane@example.com', role: 'admin' as const }
  const seed = () =>
    host.app.provisioner.apply([
      {
        type: 'user.upserted',
        upstream: 'airtable',
        externalId: 'recJane0000000001',
        created: false,
        fields: fromAirtable,
        stamp: { at: at - 1000, event: 'read' },
      },
    ])
  await seed()
  const [before] = await readPeople(sql)
  await tell(membershipOf('created'))
  await tell(eventOf('user.created'))
  t.match(await readPeople(sql), [{ id: before?.id, name: 'Jane Doe' }])
  t.equal((await readPeople(sql)).length, 1)
  t.same(await readMembers(sql), ['Jane Doe in Acme Corp as member'], 'the membership has moved to them')

  await forgetAll(sql)
  await seed()
  await tell(membershipOf('created'))
  await tell(userOf('user.created', 0, jane, 'jane@example.com', 'unverified'))
  t.match(await readPeople(sql), [{ name: 'Jane Doe' }, { name: 'Jane of Airtable' }])
  const owners = () => sql<{ upstream: string }[]>`
    select distinct i.upstream from firstlogin.memberships m join firstlogin.identities i using (user_id) where m.active`
  t.match(await owners(), [{ upstream: 'clerk' }])
  t.equal((await owners()).length, 1, 'nobody takes over an account by claiming its address')
  await tell(userOf('user.updated', 10, jane, 'jane@example.com'))
  t.equal((await readPeople(sql)).length, 1, 'once it is verified they are one')
})

t.test(
  'of a deletion and a creation of the same millisecond the deletion wins, in either order',
  async (t) => {
    const events = [eventOf('user.created', 10), eventOf('user.deleted', 10)]
    for (const order of [events, events.toReversed()]) {
      await forgetAll(sql)
      for (const event of order) await tell(event)
      t.same(await readPeople(sql), [])
    }
  },
)

const story = [
  eventOf('organization.created', 0),
  userOf('user.created', 1, jane, 'jane@example.com', 'unverified'),
  membershipOf('created', 2),
  userOf('user.updated', 3, jane, 'jane@example.com'),
  eventOf('organization.updated', 4, { name: 'Acme Limited' }),
  membershipOf('updated', 5, { role: 'org:admin' }),
  membershipOf('deleted', 6),
  membershipOf('created', 7),
  eventOf('user.updated', 8, { first_name: 'Joan', banned: true }),
  eventOf('user.updated', 9, { first_name: 'Joan' }),
]
const endings: Record<string, ClerkEvent[]> = {
  'as it is': [],
  'the membership ends': [membershipOf('deleted', 10)],
  'the user is deleted': [eventOf('user.deleted', 10)],
  'the organization is deleted': [eventOf('organization.deleted', 10)],
  'they sign up anew': [
    eventOf('user.deleted', 10),
    userOf('user.created', 11, 'user_2anew', 'jane@example.com'),
    membershipOf('created', 12, { user: 'user_2anew' }),
  ],
}

async function readState() {
  const [people, members, organizations] = [
    await sql`select email, email_verified, name, status from firstlogin.users where status <> 'deleted'`,
    await readMembers(sql),
    await sql`select name, status from firstlogin.organizations`,
  ]
  return { people: [...people], members, organizations: [...organizations] }
}

t.test(
  'all events of a person and an organization, in whatever order and some of them twice, end in one state',
  async (t) => {
    for (const [ending, last] of Object.entries(endings)) {
      const events = [...story, ...last]
      await forgetAll(sql)
      for (const [index, event] of events.entries()) await tell(event, `msg_story_${index}`)
      const expected = await readState()
      const order = fc.tuple(
        fc.shuffledSubarray([...events.keys()], { minLength: events.length }),
        fc.array(fc.nat(events.length - 1), { maxLength: 3 }),
      )
      await fc.assert(
        fc.asyncProperty(order, async ([all, twice]) => {
          await forgetAll(sql)
          for (const index of [...all, ...twice]) await tell(events[index] ?? {}, `msg_story_${index}`)
          if (!t.same(await readState(), expected, ending)) throw new Error('It ends in another state.')
        }),
        { numRuns: 8, endOnFailure: true },
      )
    }
  },
)
