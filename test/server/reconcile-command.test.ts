import t from 'tap'
import { runCommand } from '../support/feeds.ts'
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
    airtable.setFault({ kind: 'none', latencyMs: 1100 })
    t.same(await runCommand(world, ['reconcile']), {
      code: 0,
      lines: [
        'airtable: page 1, 100 records seen, 100 changed',
        'airtable: page 3, 250 records seen, 250 changed',
        'airtable: 250 records on 3 pages, 250 changed, 0 gone',
      ],
    })
    airtable.heal()

    for (const { id } of airtable.records.list().slice(1)) airtable.records.remove(id)
    const refused = await runCommand(world, ['reconcile'])
    t.same([refused.code, refused.lines[1]], [1, 'airtable: 1 record on 1 page, 0 changed, 249 gone'])
    t.match(refused.lines[2], /^ {2}gone: person\.\d+@example\.org \(rec\w{14}\)$/)
    t.match(refused.lines.at(-1), /^Nobody was disabled: 249 of 250 is more than 10 %\..*--force/)
    t.equal(await countActive(), 250)

    const forced = await runCommand(world, ['reconcile', '--force'])
    t.same([forced.code, forced.lines.at(-1)], [0, 'They are disabled until they are seen again.'])
    t.equal(await countActive(), 1)
    t.same(await runCommand(world, ['reconcile', '--frobnicate']), {
      code: 2,
      lines: ['Usage: firstlogin reconcile [--force]'],
    })
  },
)

t.test('an upstream that is away is said to be, and asked ever less often', async (t) => {
  const world = await createWorld(t, { records: [] })
  world.airtable.setFault({ kind: 'error_500' })
  const healing = setTimeout(() => world.airtable.heal(), 1500)
  t.teardown(() => clearTimeout(healing))
  const { code, lines } = await runCommand(world, ['reconcile'])
  t.equal(code, 0)
  t.same(lines, [
    'airtable: page 0, 0 records seen, 0 changed; no answer, trying again',
    'airtable: page 1, 0 records seen, 0 changed',
    'airtable: 0 records on 1 page, 0 changed, 0 gone',
  ])
  t.ok(world.airtable.calls().total < 6)
})
