import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { ada, grace } from '../../../sandbox/clerk/people.ts'
import { createClerkStandIn } from '../../../sandbox/clerk/stand-in.ts'
import type { ClerkEnv } from '../../../upstreams/clerk/env.ts'
import clerk from '../../../upstreams/clerk/index.ts'
import { svixHeaders } from '../../support/vendors.ts'
import { createClerk, organizationId, secretKey, webhookSecret } from './opened.ts'

const folder = new URL('../../fixtures/clerk/', import.meta.url)
const fixtures = readdirSync(folder).map((name) => name.replace('.json', ''))
const jane = 'user_2h8op3Isl1QR7tKu5FGNfaLKEoU'
const acme = 'org_2g7np7Hrk0SN6kj5EDMLDaKNL0S'
const at = 1767606300000

function textOf(type: string): string {
  return readFileSync(new URL(`${type}.json`, folder), 'utf8')
}

function fixture(type: string, data: object = {}, rest: object = {}) {
  const event = JSON.parse(textOf(type))
  return { ...event, data: { ...event.data, ...data }, ...rest }
}

function openWebhook(env: Partial<ClerkEnv> = {}) {
  const { webhook } = createClerk({ env: { CLERK_WEBHOOK_SECRET: [webhookSecret], ...env } })
  if (!webhook) throw new Error('There is no webhook.')
  const read = async (body: object) => webhook.read(body, { dialect: 'svix', messageId: 'msg_1' })
  return { webhook, read }
}

/** The only change of a user's event. */
async function readUser(data: object) {
  const { changes } = await openWebhook().read(fixture('user.updated', data))
  const [change] = changes
  if (change?.type !== 'user.upserted') throw new Error('It says nothing of a user.')
  return change
}

const main = { id: 'idn_2main', email_address: 'jane@example.com', reserved: false }
const verified = { status: 'verified', strategy: 'email_code' }

t.test('every event that svix signs is verified and understood, and one flipped byte is not', async (t) => {
  const { webhook } = openWebhook()
  t.equal(fixtures.length, 10)
  for (const type of fixtures) {
    const body = textOf(type)
    const headers = svixHeaders(webhookSecret, 'msg_1', body)
    const delivery = webhook.verify(Buffer.from(body), headers)
    t.match(delivery, { dialect: 'svix', messageId: 'msg_1' })
    const event = await webhook.read(JSON.parse(body), delivery)
    t.match(event, { id: 'msg_1', type, refusal: undefined })
    t.equal(event.changes.length > 0, type !== 'session.created', type)
    const flipped = Buffer.from(body)
    flipped[20] = (flipped[20] ?? 0) ^ 1
    t.throws(() => webhook.verify(flipped, headers), { code: 'FL_SIGNATURE_INVALID' }, type)
  }
})

t.test('whatever the stand-in tells of its edits is verified and understood', async (t) => {
  const standIn = createClerkStandIn({ secretKey, webhookSecret })
  const { webhook } = openWebhook({ CLERK_INSTANCE_ID: standIn.instanceId })
  standIn.users.put({ id: 'user_2new', email: 'new@example.com', first_name: 'New' })
  standIn.organizations.put({ id: 'org_2new', name: 'New' })
  standIn.memberships.put({ organization: 'org_2new', user: 'user_2new', role: 'org:admin' })
  standIn.memberships.put({ organization: organizationId, user: grace, role: 'org:admin' })
  standIn.memberships.remove({ organization: organizationId, user: ada })
  standIn.organizations.remove('org_2new')
  standIn.users.remove('user_2new')
  const told: unknown[] = []
  for (const { headers, body } of standIn.messages()) {
    const delivery = webhook.verify(Buffer.from(body), headers)
    const { changes, refusal } = await webhook.read(JSON.parse(body), delivery)
    t.equal(refusal, undefined)
    told.push(
      changes.map(({ type, externalId, ...rest }) => [type, externalId, 'created' in rest && rest.created]),
    )
  }
  t.strictSame(told, [
    [['user.upserted', 'user_2new', true]],
    [['organization.upserted', 'org_2new', true]],
    [
      ['organization.upserted', 'org_2new', false],
      ['user.upserted', 'user_2new', false],
      ['membership.upserted', 'org_2new user_2new', true],
    ],
    [
      ['organization.upserted', organizationId, false],
      ['user.upserted', grace, false],
      ['membership.upserted', `${organizationId} ${grace}`, false],
    ],
    [['membership.deleted', `${organizationId} ${ada}`, false]],
    [['organization.deleted', 'org_2new', false]],
    [['user.deleted', 'user_2new', false]],
  ])
})

t.test(
  "what is kept of an event gives the same event, and holds nothing that is nobody's business",
  async (t) => {
    const { read, webhook } = openWebhook()
    const odd = [
      fixture('user.created', { first_name: ' Ja\0ne\ud800 ', last_name: null, locked: true }),
      fixture('user.created', {
        primary_email_address_id: null,
        first_name: undefined,
        last_name: undefined,
      }),
      fixture('user.created', { email_addresses: [] }),
      fixture('user.created', {
        email_addresses: [{ ...main, email_address: 'no address', verification: verified }],
      }),
      fixture('organizationMembership.created', { role: ' org:\0odd ', public_user_data: null }),
      fixture('organizationMembership.created', { role: ' org:\0odd ' }),
      fixture('user.deleted', { id: null }),
    ]
    for (const body of [...fixtures.map((type) => fixture(type)), ...odd]) {
      const event = await read(body)
      const kept = JSON.stringify(event.payload)
      const again = await webhook.read(JSON.parse(kept), { dialect: 'kept', messageId: event.id })
      t.strictSame(JSON.parse(JSON.stringify(again)), JSON.parse(JSON.stringify(event)))
      // What everybody may see of an organization goes into its settings; of people it is nobody's business.
      const metadata = event.type.startsWith('organization') ? /(private|unsafe)_metadata/ : /metadata/
      t.notMatch(kept, metadata)
      t.notMatch(kept, /secret|client_ip|user_agent|password|unsafe|identifier|\\u0000|jane\.old/)
    }
  },
)

t.test('a new user is told with all that Clerk knows, as of the time of their last change', async (t) => {
  const { read } = openWebhook()
  const event = await read(fixture('user.created'))
  t.equal(event.occurredAt, at + 120)
  t.strictSame(event.changes, [
    {
      type: 'user.upserted',
      upstream: 'clerk',
      externalId: jane,
      isAccount: true,
      created: true,
      stamp: { at, event: 'msg_1' },
      fields: {
        email: 'jane@example.com',
        emailVerified: true,
        name: 'Jane Doe',
        avatarUrl: 'https://img.clerk.com/eyJ0eXBlIjoiZGVmYXVsdCJ9',
        status: 'active',
      },
    },
  ])
  t.match((await read(fixture('user.updated'))).changes, [
    { created: false, stamp: { at: at + 5000 }, fields: { name: 'Jane Roe' } },
  ])
})

t.test('the address is the primary one, wherever it stands', async (t) => {
  const { fields, isUnverified } = await readUser({})
  t.match(fields, { email: 'jane@example.com', emailVerified: true })
  t.equal(isUnverified, undefined)
})

t.test('an address that is not verified, or only reserved, is told and not vouched for', async (t) => {
  const unsure = [
    { ...main, verification: null },
    { ...main },
    { ...main, verification: { status: 'unverified' } },
    { ...main, verification: { status: 'expired' } },
    { ...main, verification: verified, reserved: true },
  ]
  for (const address of unsure) {
    const { fields, isUnverified } = await readUser({ email_addresses: [address] })
    t.match(fields, { email: 'jane@example.com', emailVerified: false })
    t.equal(isUnverified, true)
  }
})

t.test('a primary address that is not among the addresses was not told; none at all was', async (t) => {
  const absent = await readUser({ email_addresses: [] })
  t.notOk('email' in absent.fields || 'emailVerified' in absent.fields || absent.isUnverified)
  const other = await readUser({ primary_email_address_id: 'idn_2other' })
  t.notOk('email' in other.fields)
  const nothing = await readUser({ primary_email_address_id: undefined, email_addresses: undefined })
  t.notOk('email' in nothing.fields)
  for (const email_addresses of [[], [{ ...main, verification: verified }]]) {
    const none = await readUser({ primary_email_address_id: null, email_addresses })
    t.match(none.fields, { email: '', emailVerified: false })
    t.notOk(none.isUnverified)
  }
})

t.test('names may be missing: nobody is called null', async (t) => {
  const nameOf = async (data: object) => (await readUser(data)).fields.name
  t.equal(await nameOf({ first_name: null, last_name: null }), null)
  t.equal(await nameOf({ first_name: '', last_name: ' ' }), null)
  t.equal(await nameOf({ first_name: null }), 'Roe')
  t.equal(await nameOf({ last_name: null }), 'Jane')
  const untold = await readUser({ first_name: undefined, last_name: undefined, image_url: undefined })
  t.notOk('name' in untold.fields || 'avatarUrl' in untold.fields)
})

// shared/cases/clerk-locked.json
t.test(
  "a user who is banned or deprovisioned is disabled, a lock of Clerk's own form is nothing",
  async (t) => {
    const statusOf = async (data: object) => (await readUser(data)).fields.status
    t.equal(await statusOf({ banned: true }), 'disabled')
    t.equal(await statusOf({ banned: false, locked: true, lockout_expires_in_seconds: 3600 }), 'active')
    t.equal(await statusOf({ deprovisioned: true }), 'disabled')
    t.equal(await statusOf({ banned: null, locked: undefined, deprovisioned: false }), 'active')
  },
)

t.test('a deletion is news of the time of its event, in whatever unit Clerk writes that', async (t) => {
  const { read } = openWebhook()
  const inSeconds = await read(fixture('user.deleted'))
  t.equal(inSeconds.occurredAt, at + 60_000)
  const stamp = { at: at + 60_999, event: 'msg_1' }
  t.strictSame(inSeconds.changes, [{ type: 'user.deleted', upstream: 'clerk', externalId: jane, stamp }])
  const inMs = await read(fixture('organization.deleted'))
  t.match(inMs.changes, [{ type: 'organization.deleted', externalId: acme, stamp: { at: at + 90_000 } }])
  const left = await read(fixture('organizationMembership.deleted'))
  t.strictSame(left.changes, [
    {
      type: 'membership.deleted',
      upstream: 'clerk',
      organization: acme,
      user: jane,
      externalId: `${acme} ${jane}`,
      stamp: { at: at + 9000, event: 'msg_1' },
    },
  ])
})

t.test('a deletion that does not say of whom is of no interest', async (t) => {
  const { read } = openWebhook()
  for (const type of ['user.deleted', 'organization.deleted']) {
    t.match(await read(fixture(type, { id: undefined })), { changes: [], refusal: undefined })
    t.match(await read(fixture(type, { id: null })), { changes: [], refusal: undefined })
  }
})

t.test('a membership brings its organization and its member, each as of its own time', async (t) => {
  const { read } = openWebhook()
  const { changes } = await read(fixture('organizationMembership.updated'))
  t.strictSame(changes, [
    {
      type: 'organization.upserted',
      upstream: 'clerk',
      externalId: acme,
      created: false,
      stamp: { at, event: 'msg_1' },
      fields: { name: 'Acme Corp', slug: 'acme-corp', settings: {} },
    },
    {
      type: 'user.upserted',
      upstream: 'clerk',
      externalId: jane,
      isAccount: true,
      created: false,
      stamp: { at: at + 8000, event: 'msg_1' },
      fields: { name: 'Jane Doe', avatarUrl: 'https://img.clerk.com/eyJ0eXBlIjoiZGVmYXVsdCJ9' },
    },
    {
      type: 'membership.upserted',
      upstream: 'clerk',
      organization: acme,
      user: jane,
      externalId: `${acme} ${jane}`,
      created: false,
      stamp: { at: at + 8000, event: 'msg_1' },
      fields: { grant: { roles: ['org:admin'], role: 'admin', isMapped: true } },
    },
  ])
  const [, , created] = (await read(fixture('organizationMembership.created'))).changes
  t.match(created, { created: true, stamp: { at: at + 1000 } })
  const unnamed = await read(fixture('organizationMembership.created', { public_user_data: undefined }))
  t.match(unnamed, { changes: [], refusal: { code: 'FL_PAYLOAD_INVALID', detail: /whose/ } })
})

t.test(
  'roles mean what the own words say, with or without org:, and nothing that nobody explained',
  async (t) => {
    const grantOf = async (role: string, map: ClerkEnv['CLERK_ROLE_MAP'] = {}) => {
      const { read } = openWebhook({ CLERK_ROLE_MAP: map })
      const { changes } = await read(fixture('organizationMembership.updated', { role }))
      const [change] = changes.slice(-1)
      return change?.type === 'membership.upserted' ? change.fields.grant : undefined
    }
    t.strictSame(await grantOf('org:admin'), { roles: ['org:admin'], role: 'admin', isMapped: true })
    t.strictSame(await grantOf('admin'), { roles: ['admin'], role: 'admin', isMapped: true })
    t.match(await grantOf('org:Member'), { role: 'member', isMapped: true })
    t.strictSame(await grantOf('org:billing'), { roles: ['org:billing'], role: 'viewer', isMapped: false })
    t.match(await grantOf('org:billing', { billing: 'member' }), { role: 'member', isMapped: true })
    t.match(await grantOf('billing', { ' ORG:Billing ': 'admin' }), { role: 'admin' })
    t.match(await grantOf('org:admin', { admin: 'owner' }), { role: 'owner' })
    t.match(await grantOf('org:admin', { 'org:admin': 'viewer', admin: 'owner' }), { role: 'owner' })
    t.match(await grantOf('org:constructor'), { role: 'viewer', isMapped: false })
  },
)

t.test('an event of another instance is refused, so that it can be seen and tried again', async (t) => {
  const own = { CLERK_INSTANCE_ID: 'ins_2own' }
  const { read } = openWebhook(own)
  for (const type of ['user.created', 'session.created']) {
    const event = await read(fixture(type))
    t.match(event, { changes: [], refusal: { code: 'FL_PAYLOAD_INVALID', detail: /another instance/ } })
  }
  const nameless = await read(fixture('user.created', {}, { instance_id: undefined }))
  t.match(nameless, { changes: [], refusal: { code: 'FL_PAYLOAD_INVALID' } })
  const ours = await read(fixture('user.created', {}, { instance_id: 'ins_2own' }))
  t.match(ours, { refusal: undefined, changes: [{ externalId: jane }] })
  const { payload } = await read(fixture('user.created'))
  const later = await openWebhook({ CLERK_INSTANCE_ID: fixture('user.created').instance_id }).read(payload)
  t.match(later, { refusal: undefined, changes: [{ fields: { email: 'jane@example.com' } }] })
})

t.test(
  'a vouched address that cannot be a key is refused; one that nobody vouches for is shown',
  async (t) => {
    const { read } = openWebhook()
    const broken = { ...main, email_address: 'jane at example' }
    const vouched = await read(
      fixture('user.updated', { email_addresses: [{ ...broken, verification: verified }] }),
    )
    t.match(vouched, { changes: [], refusal: { code: 'FL_EMAIL_INVALID' } })
    const shown = await read(fixture('user.updated', { email_addresses: [broken] }))
    t.match(shown, {
      refusal: undefined,
      changes: [{ fields: { email: 'jane at example' }, isUnverified: true }],
    })
  },
)

t.test('what is no event throws, and names the place without the value', async (t) => {
  const { read, webhook } = openWebhook()
  const broken = [
    {},
    fixture('user.created', {}, { type: 'user created' }),
    fixture('user.created', {}, { timestamp: '1767606300000' }),
    fixture('user.created', {}, { timestamp: -1 }),
    fixture('user.created', {}, { data: 'secret-value' }),
    fixture('user.created', { id: 'user secret-value' }),
    fixture('user.created', { id: '' }),
    fixture('user.created', { updated_at: 'secret-value' }),
    fixture('organization.created', { id: undefined }),
    fixture('organizationMembership.created', { organization: null }),
    fixture('organizationMembership.created', { role: 7 }),
  ]
  for (const body of broken) {
    const error = await read(body).catch((cause: unknown) => cause)
    t.match(error, { code: 'FL_PAYLOAD_INVALID' }, JSON.stringify(body).slice(0, 80))
    t.notMatch(String((error as { detail?: string }).detail), /secret-value/)
  }
  const detail = /data\.updated_at/
  t.match(await read(fixture('user.created', { updated_at: null })).catch((error: unknown) => error), {
    detail,
  })
  await t.rejects(async () => webhook.read(fixture('user.created'), { dialect: 'svix' }), {
    code: 'FL_PAYLOAD_INVALID',
  })
})

t.test('without a secret there is no webhook, and a secret that cannot verify is no setting', async (t) => {
  t.equal(createClerk().webhook, undefined)
  t.equal(openWebhook().webhook.path, '/clerk')
  t.notOk(openWebhook().webhook.isOptIn)
  for (const secrets of [[], ['whsec_'], ['whsec_***'], ['not base64!']])
    t.throws(() => openWebhook({ CLERK_WEBHOOK_SECRET: secrets }))
  const issuers = {
    'https://clerk.example.com': true,
    'https://app.example.com/__clerk': true,
    'http://127.0.0.1:3999': true,
    'http://localhost': true,
    'https://clerk.example.com/': false,
    'http://clerk.example.com': false,
    'http://127.0.0.1.example.com': false,
    'https://user@clerk.example.com': false,
    'clerk.example.com': false,
  }
  for (const [CLERK_ISSUER, isGood] of Object.entries(issuers)) {
    const make = () => createClerk({ env: { CLERK_ISSUER } })
    if (isGood) t.doesNotThrow(make, CLERK_ISSUER)
    else t.throws(make, CLERK_ISSUER)
  }
  const { env } = createClerk()
  t.equal(clerk.gateOf(env), env.CLERK_ISSUER)
  t.equal(clerk.gateOf({ ...env, CLERK_INSTANCE_ID: 'ins_2own' }), 'ins_2own')
})

t.test('two secrets are good at once, so that one can be replaced', async (t) => {
  const next = `whsec_${Buffer.from('another key of 24 bytes').toString('base64')}`
  const { webhook } = openWebhook({ CLERK_WEBHOOK_SECRET: [webhookSecret, next] })
  for (const secret of [webhookSecret, next]) {
    const { headers, body } = createClerkStandIn({ secretKey, webhookSecret: secret }).webhook(
      'user.deleted',
      {
        object: 'user',
        deleted: true,
      },
    )
    t.match(webhook.verify(Buffer.from(body), headers), { dialect: 'svix' })
    const old = { ...headers, 'svix-timestamp': `${Math.floor(Date.now() / 1000) - 301}` }
    t.throws(() => webhook.verify(Buffer.from(body), old), { code: 'FL_SIGNATURE_INVALID' })
  }
})
