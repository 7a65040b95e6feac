import t from 'tap'
import { createProgress } from '../../commands/reconcile.ts'
import { runCommand } from '../support/commands.ts'
import { addPeople } from '../support/people.ts'
import { createWorld } from '../support/service.ts'

t.test(
  'firstlogin reconcile shows its progress, says who is gone, and what to do about too many',
  async (t) => {
    const world = await createWorld(t, { records: [] })
    const { airtable } = world
    const countActive = async () =>
      (await world.sql`select count(*)::int from firstlogin.users where status = 'active'`)[0]?.['count']
    await addPeople(airtable, 250)
    const first = await runCommand(world, ['reconcile'])
    t.same([first.code, first.lines[0]], [0, 'airtable: page 1, 100 records seen, 100 created, 0 changed'])
    t.equal(
      first.lines.at(-1),
      'airtable: 250 records on 3 pages, 250 created, 0 changed, 0 gone, 0 disabled, 0 unusable',
    )

    for (const { id } of airtable.records.list().slice(1)) airtable.records.remove(id)
    const refused = await runCommand(world, ['reconcile'])
    t.same(
      [refused.code, refused.lines.find((line) => line.includes(' on '))],
      [1, 'airtable: 1 record on 1 page, 0 created, 0 changed, 249 gone, 0 disabled, 0 unusable'],
    )
    t.match(
      refused.lines.find((line) => line.startsWith('  ')),
      /^ {2}gone: person\.\d+@example\.org \(rec\w{14}\)$/,
    )
    t.match(
      refused.lines.at(-1),
      /^Not everything was applied: one run disables at most 25 of 250 users\..*--force/,
    )
    t.equal(await countActive(), 250)

    const forced = await runCommand(world, ['reconcile', '--force'])
    t.same([forced.code, forced.lines.at(-1)], [0, 'They are disabled until they are seen again.'])
    t.equal(await countActive(), 1)
    t.equal((await runCommand(world, ['reconcile', '--frobnicate'])).code, 2)

    const { lines } = await runCommand(world, ['reconcile', '--json'])
    t.match(JSON.parse(lines.join('')), {
      upstreams: [{ upstream: 'airtable', seen: 1, created: 0, changed: 0, disabled: 0, unusable: [] }],
    })
  },
)

t.test('an upstream that is away is said to be, and asked again', async (t) => {
  const world = await createWorld(t, { records: [] })
  world.airtable.setFault({ kind: 'error_500' })
  const { code, lines } = await runCommand(world, ['reconcile'], {}, () => world.airtable.heal())
  t.equal(code, 0)
  t.equal(lines[0], 'airtable: page 0, 0 records seen, 0 created, 0 changed; no answer, trying again')
  t.equal(lines.at(-1), 'airtable: 0 records on 1 page, 0 created, 0 changed, 0 gone, 0 disabled, 0 unusable')
})

t.test('progress is at most one line in two seconds', async (t) => {
  const lines: string[] = []
  let now = 5000
  const progress = createProgress(
    (line) => lines.push(line),
    () => now,
  )
  for (const [pages, at] of [
    [1, 5000],
    [2, 6999],
    [3, 7000],
    [4, 8999],
    [5, 9001],
  ] as const) {
    now = at
    progress({
      upstream: 'airtable',
      pages,
      seen: 100,
      changed: 3,
      created: 2,
      known: 200,
      isWaiting: pages === 5,
    })
  }
  t.same(lines, [
    'airtable: page 1, 100 of about 200 records seen, 2 created, 1 changed',
    'airtable: page 3, 100 of about 200 records seen, 2 created, 1 changed',
    'airtable: page 5, 100 of about 200 records seen, 2 created, 1 changed; no answer, trying again',
  ])
})
