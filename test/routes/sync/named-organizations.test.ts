import t, { type Test } from 'tap'
import { userFields } from '../../../sandbox/airtable/people.ts'
import { runCommand } from '../../support/commands.ts'
import { send, syncOn, toEvent } from '../../support/events.ts'
import { createWorld, type Service, type World } from '../../support/service.ts'
import { bearer } from '../auth/client.ts'

const columns = {
  AIRTABLE_FIELDS:
    'email=Email,name=Name,status=Status,role=Role,passwordHash=Password Hash,modifiedAt=Last Modified,organization=Team',
}
const team = { id: 'fldUsersTeam00001', name: 'Team', type: 'multipleSelects' } as const
const ada = { email: 'ada@example.com', password: 'analytical-engine' }

async function setUp(t: Test, env: Record<string, string> = {}) {
  const world = await createWorld(t, { fields: [...userFields, team] })
  const service = await world.start({ ...syncOn, ...columns, ...env })
  const record = world.airtable.records.list().find(({ fields }) => fields['Email'] === ada.email)
  if (!record) throw new Error('Ada is not in the table.')
  return { world, service, recordId: record.id }
}

/** The organizations that `me` shows, with the role in each. */
async function teamsOf(service: Service): Promise<string[]> {
  const login = await service.login(ada.email, ada.password)
  const { accessToken } = login.json<{ accessToken: string }>()
  const me = await service.app.inject({ url: '/api/auth/me', headers: bearer(accessToken) })
  const { organizations } = me.json<{ organizations: { name: string; role: string }[] }>()
  return organizations.map(({ name, role }) => `${name}: ${role}`).sort()
}

let seconds = 0
/** A change of Ada's record, later than all before. */
async function change(service: Service, id: string, user: object): Promise<void> {
  seconds += 1
  const occurredAt = new Date(Date.now() + seconds).toISOString()
  const event = toEvent({
    eventType: 'user.updated',
    occurredAt,
    user: { id, ...user },
  })
  const reply = await send(service, { ...event, user: { id, ...user } })
  t.equal(reply.statusCode, 200)
}

const membersOf = ({ sql }: World, organization: string) => sql`
  select u.email_canonical as email from firstlogin.memberships m
    join firstlogin.organizations o on o.id = m.organization_id join firstlogin.users u on u.id = m.user_id
  where o.name = ${organization} and m.active order by 1`

t.test(
  'a first login belongs to the organizations that the cell names, with the user’s own role',
  async (t) => {
    const { world, service, recordId } = await setUp(t)
    world.airtable.records.put(recordId, { Team: ['Acme', 'Globex'], Role: 'Owner' })
    t.same(await teamsOf(service), ['Acme: owner', 'Globex: owner'])
    t.same(await world.sql`select slug from firstlogin.organizations order by slug`, [
      { slug: 'acme' },
      { slug: 'globex' },
    ])
  },
)

t.test('spellings that differ in case or spaces are one organization', async (t) => {
  const { world, service, recordId } = await setUp(t)
  world.airtable.records.put(recordId, { Team: [' ACME  Corp'] })
  t.same(await teamsOf(service), ['ACME Corp: admin'])
  await change(service, 'recGrace000000000', { email: 'other@example.com', organization: 'acme corp' })
  t.equal((await membersOf(world, 'ACME Corp')).length, 2)
  t.equal((await world.sql`select from firstlogin.organizations`).length, 1)
})

t.test('an event moves the user; a cell that cannot be read changes nothing', async (t) => {
  const { world, service, recordId } = await setUp(t)
  world.airtable.records.put(recordId, { Team: ['Acme'] })
  t.same(await teamsOf(service), ['Acme: admin'])
  await change(service, recordId, { organization: ['Globex'] })
  t.same(await teamsOf(service), ['Globex: admin'])
  for (const organization of [{ error: '#ERROR!' }, ['Acme', { specialValue: 'NaN' }], 'x'.repeat(201)]) {
    await change(service, recordId, { organization })
    t.same(await teamsOf(service), ['Globex: admin'], JSON.stringify(organization).slice(0, 40))
  }
  t.ok(service.log.some((line) => line.event === 'cell.unreadable' && line['field'] === 'organization'))
  await change(service, recordId, { name: 'Ada' })
  t.same(await teamsOf(service), ['Globex: admin'], 'an event without the cell changes nothing')
  await change(service, recordId, { organization: '' })
  t.same(await teamsOf(service), [], 'an empty cell names none')
  await change(service, recordId, { role: 'viewer', organization: 'Acme' })
  t.same(await teamsOf(service), ['Acme: viewer'])
})

t.test('DEFAULT_ORGANIZATION has those whose cell is empty, also after it is changed', async (t) => {
  const { world, service, recordId } = await setUp(t, { DEFAULT_ORGANIZATION: 'Everybody' })
  t.same(await teamsOf(service), ['Everybody: admin'])
  await change(service, recordId, { organization: 'Acme' })
  t.same(await teamsOf(service), ['Acme: admin'])
  await change(service, recordId, { organization: [] })
  t.same(await teamsOf(service), ['Everybody: admin'])
  const [again, more] = await Promise.all(
    [1, 2].map(() => world.start({ ...syncOn, ...columns, DEFAULT_ORGANIZATION: 'Staff' })),
  )
  if (!again || !more) throw new Error('Two instances were expected.')
  t.same(await teamsOf(again), ['Staff: admin'])
  t.equal((await world.sql`select from firstlogin.organizations where is_default`).length, 1)
  const names = ['East', 'West', 'North', 'South']
  await Promise.all(
    names.map((DEFAULT_ORGANIZATION) => world.start({ ...syncOn, ...columns, DEFAULT_ORGANIZATION })),
  )
  t.equal((await world.sql`select from firstlogin.organizations where is_default`).length, 1)
  await world.start({ ...syncOn, ...columns })
  t.same(await teamsOf(more), [], 'and without the setting nobody')
})

t.test('without a column everybody of the table belongs to the default organization', async (t) => {
  const world = await createWorld(t)
  const service = await world.start({ DEFAULT_ORGANIZATION: 'Everybody' })
  t.same(await teamsOf(service), ['Everybody: admin'])
})

t.test('reconcile finds who has moved, and a deleted user belongs nowhere', async (t) => {
  const { world, service, recordId } = await setUp(t)
  world.airtable.records.put(recordId, { Team: ['Acme'] })
  await teamsOf(service)
  world.airtable.records.put(recordId, { Team: ['Globex'] })
  t.equal((await runCommand(world, ['reconcile'], columns)).code, 0)
  t.same(await membersOf(world, 'Acme'), [])
  t.match(await membersOf(world, 'Globex'), [{ email: ada.email }])
  const event = toEvent({
    eventType: 'user.deleted',
    occurredAt: new Date(Date.now() + 60_000).toISOString(),
  })
  const reply = await send(service, { ...event, user: { id: recordId } })
  t.equal(reply.json<{ result: string }>().result, 'processed')
  t.same(await membersOf(world, 'Globex'), [])
})
