import t from 'tap'
import { Value } from 'typebox/value'
import { AirtableEnv } from '../../../upstreams/airtable/env.ts'
import { toChanges } from '../../../upstreams/airtable/mapping.ts'

const readAt = Date.parse('2026-11-20T10:00:00.500Z')
const hash = '$2b$10$khebYwJ5Ojv.tFFwGpD0rOdyrTH1M49VaKcXfPS41cmuzDkimXqxy'

/** What a record with these cells says, and what is logged of it. */
function read(cells: Record<string, unknown>, settings: Partial<AirtableEnv> = {}) {
  const required = { AIRTABLE_TOKEN: 'pat', AIRTABLE_BASE_ID: 'appAAAAAAAAAAAAAA', AIRTABLE_TABLE: 'Users' }
  const env = Value.Parse(AirtableEnv, Value.Default(AirtableEnv, { ...required, ...settings }))
  const logged: [event: string, details: Record<string, unknown>][] = []
  const changes = toChanges(
    { id: 'recAAAAAAAAAAAAAA', fields: { Email: 'ada@example.com', ...cells } },
    env,
    readAt,
    (_, event, details) => logged.push([event, details]),
  )
  const change = changes.at(-1)
  return { changes, change, fields: change?.fields, logged }
}

t.test('a full record says all that it has, as news of the time that it was edited', async (t) => {
  const { change, logged } = read({
    Name: ' Ada Lovelace ',
    Status: 'Active',
    Role: 'Admin',
    'Password Hash': hash,
    'Last Modified': '2026-06-01T12:00:00.000Z',
  })
  t.strictSame(change, {
    type: 'user.upserted',
    upstream: 'airtable',
    externalId: 'recAAAAAAAAAAAAAA',
    created: false,
    fields: {
      email: 'ada@example.com',
      name: 'Ada Lovelace',
      role: 'admin',
      status: 'active',
      organizations: [],
      passwordHash: hash,
    },
    readAt,
    stamp: { at: Date.parse('2026-06-01T12:00:00.000Z'), event: 'read 2026-11-20T10:00:00.500Z' },
  })
  t.strictSame(logged, [])
})

t.test(
  'without a time of its own, or with one that is still to come, a record is news of the call',
  async (t) => {
    for (const modified of [
      undefined,
      '',
      'yesterday',
      '2099-01-01T00:00:00.000Z',
      { error: '#ERROR!' },
      1e20,
    ]) {
      t.equal(read({ 'Last Modified': modified }).change?.stamp.at, readAt)
    }
  },
)

t.test('the usual words for status and role are known, whatever their capitals and spaces', async (t) => {
  for (const word of ['active', 'ACTIVE', ' Enabled ', 'Current', 'yes', 'true', '']) {
    t.equal(read({ Status: word }).fields?.status, 'active', word)
  }
  for (const word of ['Disabled', 'inactive', 'Suspended', 'BLOCKED', 'banned', 'archived', 'Former', 'no']) {
    t.equal(read({ Status: word }).fields?.status, 'disabled', word)
  }
  const roles = {
    Owner: 'owner',
    ADMINISTRATOR: 'admin',
    Staff: 'member',
    guest: 'viewer',
    'Read only': 'viewer',
  }
  for (const [word, role] of Object.entries(roles)) t.equal(read({ Role: word }).fields?.role, role, word)
})

t.test('a status that is not in the map lets nobody in and is named in the log', async (t) => {
  for (const word of ['On leave', 'actve', 'constructor', '__proto__', 'x'.repeat(200)]) {
    const { fields, logged } = read({ Status: word })
    t.equal(fields?.status, 'disabled', word)
    t.strictSame(logged, [['status.unknown', { record: 'recAAAAAAAAAAAAAA', status: word.slice(0, 40) }]])
  }
})

t.test('an unknown role is viewer', async (t) => {
  for (const word of ['', undefined]) {
    const { fields, logged } = read({ Role: word })
    t.equal(fields?.role, 'viewer')
    t.strictSame(logged, [])
  }
  for (const word of ['Superuser', 'constructor', ['Boss', 'Chief']]) {
    const { fields, logged } = read({ Role: word })
    t.equal(fields?.role, 'viewer')
    t.match(logged, [
      ['role.unknown', { record: 'recAAAAAAAAAAAAAA', role: String(word).replace(',', ', ') }],
    ])
  }
})

t.test("one's own words come before the usual ones, case-blind, and the empty one counts too", async (t) => {
  const settings: Partial<AirtableEnv> = {
    AIRTABLE_STATUS_MAP: { 'On Leave': 'disabled', Contractor: 'active', active: 'disabled', '': 'disabled' },
    AIRTABLE_ROLE_MAP: { 'Team Lead': 'admin', Admin: 'member' },
  }
  t.equal(read({ Status: 'on leave' }, settings).fields?.status, 'disabled')
  t.equal(read({ Status: 'CONTRACTOR' }, settings).fields?.status, 'active')
  t.equal(read({ Status: 'Active' }, settings).fields?.status, 'disabled')
  t.equal(read({}, settings).fields?.status, 'disabled')
  t.equal(read({ Status: 'Enabled' }, settings).fields?.status, 'active')
  t.equal(read({ Role: 'team lead' }, settings).fields?.role, 'admin')
  t.equal(read({ Role: 'admin' }, settings).fields?.role, 'member')
})

t.test(
  'a checkbox can be the status: ticked is active, unticked an empty cell, which one can map',
  async (t) => {
    t.equal(read({ Status: true }).fields?.status, 'active')
    t.equal(read({ Status: false }).fields?.status, 'disabled')
    t.equal(read({}).fields?.status, 'active')
    t.equal(read({}, { AIRTABLE_STATUS_MAP: { '': 'disabled' } }).fields?.status, 'disabled')
  },
)

t.test('a lookup is read as its one value, and of several roles the strongest counts', async (t) => {
  const { fields } = read({
    Email: ['ada@example.com'],
    Name: ['Ada'],
    Status: ['Disabled'],
    Role: ['Owner'],
  })
  t.match(fields, { email: 'ada@example.com', name: 'Ada', status: 'disabled', role: 'owner' })
  t.equal(read({ Name: ['Ada', 'Bob'] }).fields?.name, 'Ada, Bob')
  t.equal(read({ Role: ['Editor', 'Admin', 'Poet'] }).fields?.role, 'admin')
  // shared/cases/airtable-role-cells.json
  const settings: Partial<AirtableEnv> = { AIRTABLE_ROLE_MAP: { '': 'member' } }
  for (const [cell, role] of [
    [['Viewer', 'Guest'], 'viewer'],
    [['Admin', 'Editor'], 'admin'],
    [['Admin'], 'admin'],
    [undefined, 'member'],
  ])
    t.equal(read({ Role: cell }, settings).fields?.role, role, JSON.stringify(cell))
})

t.test('of several statuses one that is not active disables', async (t) => {
  t.equal(read({ Status: ['Active', 'Enabled'] }).fields?.status, 'active')
  t.equal(read({ Status: ['Active', 'Former'] }).fields?.status, 'disabled')
  const { fields, logged } = read({ Status: ['Active', 'On leave'] })
  t.equal(fields?.status, 'disabled')
  t.match(logged, [['status.unknown', { status: 'Active, On leave' }]])
})

const unreadable = [
  { error: '#ERROR!' },
  { specialValue: 'NaN' },
  { id: 'usr00000000000001', email: 'ann@example.com', name: 'Ann' },
  [{ id: 'usr00000000000001' }],
  ['Active', { error: '#ERROR!' }],
]

t.test('a cell that cannot be read says nothing, and its record is named in the log', async (t) => {
  for (const cell of unreadable) {
    const { changes, fields, logged } = read({ Status: cell, Name: cell, Role: cell, 'Password Hash': cell })
    t.strictSame(fields, { email: 'ada@example.com', organizations: [] })
    const named = ['name', 'role', 'status', 'passwordHash'].map((field) => [
      'cell.unreadable',
      { record: 'recAAAAAAAAAAAAAA', field },
    ])
    t.strictSame(logged, named)
    t.match(changes, [{ fields: { status: 'disabled' }, stamp: { at: 0 } }, { stamp: { at: readAt } }])
  }
})

t.test('an address that is there twice is one address; a record with an unusable one is named', async (t) => {
  const twice = read({ Email: ['Ann@example.com', ' ann@EXAMPLE.com '] })
  t.equal(twice.fields?.email, 'Ann@example.com')
  t.strictSame(twice.logged, [])
  for (const cell of [
    ['ada@example.com', 'bob@example.com'],
    'ann@example.com, ann@other.example.com',
    'ann@example.com\u200b',
    'ann',
    ...unreadable,
  ]) {
    const { fields, logged } = read({ Email: cell, Status: 'Disabled' })
    t.notOk(fields && 'email' in fields)
    t.equal(fields?.status, 'disabled', 'what can be read counts')
    t.match(logged, [
      ['record.unusable', { record: 'recAAAAAAAAAAAAAA', reason: 'its address cannot be used' }],
    ])
  }
})

t.test('a record without an address says nothing', async (t) => {
  for (const cell of [undefined, null, '', '  ', [], ['']]) {
    const { change, logged } = read({ Email: cell, Status: 'Unheard of' })
    t.equal(change, undefined)
    t.strictSame(logged, [])
  }
})

t.test('what is not configured is neither read nor said', async (t) => {
  const { fields } = read({ Status: 'Disabled', Role: 'Owner' }, { AIRTABLE_FIELDS: { email: 'Email' } })
  t.strictSame(fields, { email: 'ada@example.com', organizations: [] })
})

t.test('a hash that is not supported is dropped and logged without itself', async (t) => {
  const { fields, logged } = read({ 'Password Hash': 'analytical-engine' })
  t.equal(fields?.passwordHash, null)
  t.strictSame(logged, [['password_hash.unsupported', { record: 'recAAAAAAAAAAAAAA' }]])
})

t.test('a hash that costs too much to verify is dropped, and its record is named in the log', async (t) => {
  const { fields, logged } = read({ 'Password Hash': `$2b$13$${'a'.repeat(53)}` })
  t.equal(fields?.passwordHash, null)
  t.strictSame(logged, [['password_hash.too_expensive', { record: 'recAAAAAAAAAAAAAA' }]])
})

t.test(
  'no cell turns into text that Postgres cannot keep, or into the address of somebody else',
  async (t) => {
    t.equal(read({ Name: 'A\0da\ud800' }).fields?.name, 'A\ufffdda\ufffd')
    t.not(read({ Email: 'a\0da@example.com' }).fields?.email, 'ada@example.com')
    t.equal(read({ Name: 'x'.repeat(100_000) }).fields?.name?.length, 1000)
    t.equal(read({ Name: 7 }).fields?.name, '7')
  },
)

t.test(
  'a record was made when Airtable says so, and its address counts as the settings have it',
  async (t) => {
    t.match(read({}).change, { isUnverified: undefined, bornAt: undefined })
    const unverified = read({}, { AIRTABLE_EMAILS: 'unverified' })
    t.match(unverified.change, { isUnverified: true, fields: { emailVerified: false } })
    const env = Value.Parse(
      AirtableEnv,
      Value.Default(AirtableEnv, {
        AIRTABLE_TOKEN: 'pat',
        AIRTABLE_BASE_ID: 'appAAAAAAAAAAAAAA',
        AIRTABLE_TABLE: 'Users',
      }),
    )
    const record = { id: 'recAAAAAAAAAAAAAA', fields: { Email: 'ada@example.com' } }
    const [change] = toChanges({ ...record, createdTime: '2026-01-05T09:00:00.000Z' }, env, readAt, () => {})
    t.equal(change?.bornAt, Date.parse('2026-01-05T09:00:00.000Z'))
  },
)

t.test('a column says which addresses are verified; what cannot be read is not', async (t) => {
  const columns = { email: 'Email', emailVerified: 'Checked' }
  for (const cell of [true, 'Yes', ' verified ', 'TRUE', ['confirmed']])
    t.match(read({ Checked: cell }, { AIRTABLE_FIELDS: columns }).change, {
      isUnverified: undefined,
      fields: { emailVerified: true },
    })
  for (const cell of [undefined, false, '', 'no', 'not yes', ['yes', 'no'], { error: '#ERROR!' }, 2])
    t.match(read({ Checked: cell }, { AIRTABLE_FIELDS: columns }).change, {
      isUnverified: true,
      fields: { emailVerified: false },
    })
})
