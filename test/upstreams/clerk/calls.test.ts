import t, { type Test } from 'tap'
import type { Change } from '../../../domain/change.ts'
import type { CanonicalEmail } from '../../../domain/email.ts'
import { emailAddress } from '../../../sandbox/clerk/blanks.ts'
import { ada, grace } from '../../../sandbox/clerk/people.ts'
import type { ClerkStandInOptions } from '../../../sandbox/clerk/stand-in.ts'
import { type Options, openClerk, organizationId, secretKey } from './opened.ts'

const updatedAt = Date.parse('2026-06-01T12:00:00.000Z')
const alan = 'user_2AlanTuring00000000000000'
const radia = 'user_2RadiaPerlman000000000000'

async function open(t: Test, options: Options & Partial<ClerkStandInOptions> = {}) {
  const opened = await openClerk(t, options)
  const { lookup, directory } = opened
  const find = (emails: string[], externalIds: string[] = []) =>
    lookup.find(() => ({ emails: emails as CanonicalEmail[], externalIds }))
  const walk = async () => {
    const changes: Change[] = []
    const places: (string | undefined)[] = []
    let people = 0
    for (let from: string | undefined; ; ) {
      const page = await directory.readPage(from)
      if (page === 'expired') throw new Error('The listing has expired.')
      changes.push(...page.changes)
      people += page.size
      places.push(page.next)
      if (page.next === undefined) return { changes, places, people }
      from = page.next
    }
  }
  const idsOf = async (emails: string[], ids: string[] = []) =>
    (await find(emails, ids)).map(({ externalId }) => externalId)
  return { ...opened, find, idsOf, walk }
}

t.test('a person is found by their address, as of their last change', async (t) => {
  const { find, standIn, context } = await open(t, { clock: () => updatedAt + 5000 })
  const [found, ...others] = await find(['ada@example.com'])
  t.strictSame(others, [])
  const readAt = context.clock()
  t.strictSame(found, {
    type: 'user.upserted',
    upstream: 'clerk',
    externalId: ada,
    isAccount: true,
    created: false,
    readAt,
    stamp: { at: updatedAt, event: 'read 2026-06-01T12:00:05.000Z' },
    fields: {
      email: 'ada@example.com',
      emailVerified: true,
      name: 'Ada Lovelace',
      avatarUrl: `https://img.clerk.com/${ada}`,
      status: 'active',
    },
  })
  t.equal(standIn.calls().total, 1, 'which is one call')
})

t.test("a clock of Clerk's that goes ahead makes nothing newer than the reading", async (t) => {
  const { find } = await open(t, { clock: () => updatedAt - 5000 })
  t.match(await find(['ada@example.com']), [{ stamp: { at: updatedAt - 5000 }, readAt: updatedAt - 5000 }])
})

t.test(
  'addresses and ids are asked about apart, for filters have to fit together; nobody comes twice',
  async (t) => {
    const { idsOf, standIn } = await open(t)
    const found = await idsOf(['ada@example.com', 'grace@example.com'], [grace, radia, 'user_2nobody'])
    t.strictSame([...found].sort(), [ada, grace, radia].sort())
    t.equal(standIn.calls().total, 2)
    t.strictSame(await idsOf(['nobody@example.com']), [])
  },
)

t.test('no id excludes anybody, and no question makes no call', async (t) => {
  const { idsOf, lookup, standIn } = await open(t)
  t.strictSame(await idsOf([], [`-${ada}`, '+', '', '../users']), [])
  t.strictSame(await lookup.find(() => undefined), [])
  t.equal(standIn.calls().total, 0)
  t.strictSame(await idsOf([], [`-${ada}`, grace]), [grace])
})

t.test('an address that Clerk has not verified is found without being vouched for', async (t) => {
  const { find } = await open(t)
  const [found] = await find(['alan@example.com'])
  t.match(found, { externalId: alan, isUnverified: true, fields: { name: 'Alan', emailVerified: false } })
  const [phone] = await find([], [radia])
  t.match(phone, { isAccount: true, fields: { email: '' } })
})

t.test('whoever has the address only beside their primary one was not asked for', async (t) => {
  const { find, standIn, idsOf } = await open(t)
  const [primary, second] = [emailAddress('one@example.com'), emailAddress('two@example.com')]
  const email_addresses = [second, primary]
  standIn.users.put({ id: 'user_2both', email_addresses, primary_email_address_id: primary.id })
  t.strictSame(await idsOf(['two@example.com']), [])
  t.match(await find(['one@example.com']), [{ externalId: 'user_2both' }])
  t.match(await find([], ['user_2both']), [{ fields: { email: 'one@example.com' } }])
})

t.test('a hundred long addresses are asked about at once, in requests of a size that arrives', async (t) => {
  const { find, standIn, lookup } = await open(t)
  t.equal(lookup.batchSize, 100)
  const emails = Array.from({ length: 100 }, (_, n) => `${`${n}`.padStart(60, "+x'&%")}@example.com`)
  for (const [n, email] of emails.entries()) standIn.users.put({ id: `user_2n${n}`, email })
  t.equal((await find(emails)).length, 100)
  t.ok(standIn.calls().total > 1)
})

t.test('organizations are found one by one, never by another name than their id', async (t) => {
  const { organizations, standIn } = await open(t)
  const found = await organizations.find([organizationId, 'org_2nothing', 'analytical-engines', '..', '-'])
  t.match(found, [
    {
      type: 'organization.upserted',
      externalId: organizationId,
      created: false,
      fields: { name: 'Analytical Engines' },
      stamp: { at: updatedAt },
      readAt: Number,
    },
  ])
  t.equal(found.length, 1)
  t.equal(standIn.calls().total, 3)
})

t.test('the directory lists people, then organizations, then memberships', async (t) => {
  const { walk, directory } = await open(t, { env: { CLERK_ROLE_MAP: { 'org:member': 'viewer' } } })
  t.strictSame(directory.kinds, ['user', 'membership'])
  const { changes, places, people } = await walk()
  t.strictSame(places, ['organizations:0', 'memberships:0', undefined])
  t.equal(people, 4, 'those without an address included')
  t.strictSame(
    changes.map(({ type, externalId }) => `${type} ${externalId}`),
    [
      ...[ada, grace, alan, radia].map((id) => `user.upserted ${id}`),
      `organization.upserted ${organizationId}`,
      `membership.upserted ${organizationId} ${ada}`,
      `membership.upserted ${organizationId} ${grace}`,
    ],
  )
  t.match(changes.slice(-2), [
    { created: true, readAt: Number, stamp: { at: updatedAt }, fields: { grant: { role: 'admin' } } },
    { created: true, organization: organizationId, user: grace, fields: { grant: { role: 'viewer' } } },
  ])
  t.notOk(changes.some((change) => change.type === 'user.upserted' && change.created))
})

t.test('long listings come in pages, and whoever signs up in the meantime is at their end', async (t) => {
  const { standIn, directory, walk } = await open(t)
  for (let n = 0; n < 96; n += 1) standIn.users.put({ id: `user_2n${n}` })
  const first = await directory.readPage(undefined)
  t.match(first, { size: 100, next: 'users:100' })
  standIn.users.put({ id: 'user_2late' })
  t.match(await directory.readPage('users:100'), {
    changes: [{ externalId: 'user_2late' }],
    next: 'organizations:0',
  })
  for (let n = 0; n < 110; n += 1)
    standIn.memberships.put({ organization: organizationId, user: `user_2m${n}` })
  const { places, changes } = await walk()
  t.strictSame(places, ['users:100', 'organizations:0', 'memberships:0', 'memberships:100', undefined])
  t.equal(changes.filter(({ type }) => type === 'membership.upserted').length, 112)
})

t.test('a place that is none makes the listing begin again', async (t) => {
  const { directory, standIn } = await open(t)
  for (const from of ['users', 'users:', 'users:-1', 'users:1e3', 'roles:0', ':0', 'users:9999999999999'])
    t.equal(await directory.readPage(from), 'expired', from)
  t.equal(standIn.calls().total, 0)
})

t.test('an instance without organizations has people all the same', async (t) => {
  const { walk, directory, organizations } = await open(t, { hasOrganizations: false })
  const { people, places, changes } = await walk()
  t.equal(people, 4)
  t.equal(changes.length, 4)
  t.equal(places.length, 3)
  t.strictSame(await organizations.find([organizationId]), [])
  t.strictSame(await directory.findExisting('membership', [`${organizationId} ${ada}`]), [])
})

t.test('who still exists is asked by id: people in batches, members by their organization', async (t) => {
  const { directory, standIn } = await open(t)
  const many = Array.from({ length: 150 }, (_, n) => `user_2n${n}`)
  for (const id of many.slice(0, 120)) standIn.users.put({ id })
  const people = await directory.findExisting('user', [ada, `-${grace}`, 'user_2nobody', ...many])
  t.strictSame([...people].sort(), [ada, ...many.slice(0, 120)].sort())

  standIn.organizations.put({ id: 'org_2other', name: 'Other' })
  standIn.memberships.put({ organization: 'org_2other', user: ada })
  const asked = [
    `${organizationId} ${ada}`,
    `${organizationId} ${radia}`,
    `org_2other ${ada}`,
    `org_2other ${grace}`,
    `org_2gone ${ada}`,
    'org_2other',
    '',
  ]
  t.strictSame(await directory.findExisting('membership', asked), [
    `${organizationId} ${ada}`,
    `org_2other ${ada}`,
  ])
  t.strictSame(await directory.findExisting('membership', []), [])
  const bySlug = await directory.findExisting('membership', [`analytical-engines ${ada}`])
  t.strictSame(bySlug, [], 'a slug is no id, even if Clerk takes it for one')
})

t.test('nothing is missing because of a fault, and the log says what it was without any name', async (t) => {
  const { find, walk, directory, organizations, standIn, logged } = await open(t)
  const pause = () =>
    new Promise((resolve) => {
      setTimeout(resolve, 3)
    })
  const asks: (() => Promise<unknown>)[] = [
    () => find(['ada@example.com']),
    () => organizations.find([organizationId]),
    () => walk(),
    () => directory.readPage('memberships:0'),
    () => directory.findExisting('user', [ada]),
    () => directory.findExisting('membership', [`${organizationId} ${ada}`]),
  ]
  const kinds = ['error_500', 'unauthorized', 'forbidden', 'malformed', 'half_body', 'html_502'] as const
  for (const kind of kinds) {
    standIn.setFault({ kind })
    for (const ask of kind === 'malformed' ? asks : asks.slice(0, 1)) {
      await pause()
      const error = await ask().catch((cause: unknown) => cause)
      t.match(error, { code: 'FL_UPSTREAM_UNAVAILABLE' }, kind)
    }
  }
  const reasons = new Set(logged.map(({ event, reason }) => `${event} ${String(reason)}`))
  t.ok(reasons.has('clerk.failed 500 internal_clerk_error'))
  t.ok(reasons.has('clerk.failed 401 clerk_key_invalid'))
  t.ok(reasons.has("clerk.failed 502 without an error of Clerk's"))
  t.notMatch(JSON.stringify(logged), /example\.com|sk_test|user_2/)
  standIn.heal()
  await pause()
  t.equal((await find(['ada@example.com'])).length, 1)
})

t.test('after too many calls nobody calls until Clerk says so', async (t) => {
  const { find, standIn } = await open(t, { retryAfterS: 7 })
  standIn.setFault({ kind: 'rate_limit' })
  await t.rejects(find(['ada@example.com']), { code: 'FL_UPSTREAM_UNAVAILABLE', retryAfterS: 7 })
  standIn.heal()
  await t.rejects(find(['ada@example.com']), { code: 'FL_UPSTREAM_UNAVAILABLE' })
  t.equal(standIn.calls().total, 1)
})

t.test('every call names the version whose shapes are known, and proves who asks', async (t) => {
  const seen: { url: string; headers: Record<string, string> }[] = []
  const { find } = await open(t, {
    http: async ({ url, headers }) => {
      seen.push({ url, headers })
      const eve = { id: 'user_2eve', primary_email_address_id: 'idn_2', updated_at: updatedAt, new_key: [] }
      const addresses = [{ id: 'idn_2', email_address: 'eve@example.com', verification: null, linked_to: [] }]
      return { status: 200, headers: {}, body: JSON.stringify([{ ...eve, email_addresses: addresses }]) }
    },
  })
  t.strictSame(await find(['ada@example.com']), [], 'an answer that was not asked for is dropped')
  t.match(await find(['eve@example.com']), [{ externalId: 'user_2eve', isUnverified: true }])
  t.match(seen[0], {
    url: /\/v1\/users\?limit=100&email_address\[\]=ada%40example\.com$/,
    headers: { authorization: `Bearer ${secretKey}`, 'clerk-api-version': '2026-05-12' },
  })
})
