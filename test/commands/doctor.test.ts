import t from 'tap'
import { runCommand } from '../support/commands.ts'
import { createWorld } from '../support/service.ts'

t.test('firstlogin doctor names the records whose password hash costs too much to verify', async (t) => {
  // Three runs in one second are more than a real table would take.
  const world = await createWorld(t, { rateLimit: false })
  const { login } = await world.start({ READTHROUGH_DEADLINE_MS: '60000' })
  const run = async () => {
    const { code, lines } = await runCommand(world, ['doctor'])
    return { code, text: lines.join('\n') }
  }
  const hash = `$2b$14$${'a'.repeat(53)}`
  world.airtable.records.put('recExpensive00000', { Email: 'costly@example.com', 'Password Hash': hash })
  const listed = await run()
  t.equal(listed.code, 1)
  t.match(listed.text, /^FAIL +password hashes: .*: airtable:recExpensive00000$/m)

  // As an earlier version stored it.
  world.airtable.records.put('recExpensive00000', { 'Password Hash': '' })
  await login('costly@example.com', 'anything')
  await world.sql`update firstlogin.identities set password_hash = ${hash} where external_id = 'recExpensive00000'`
  const stored = await run()
  t.equal(stored.code, 1)
  t.match(stored.text, /^FAIL +password hashes: .*: airtable:recExpensive00000$/m)
  t.notMatch(listed.text + stored.text, '$2b$', 'and shows no hash')

  await world.sql`update firstlogin.identities set password_hash = null`
  const well = await run()
  t.same([well.code, well.text.includes('password hashes')], [0, false], well.text)
})
