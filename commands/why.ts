import { explainPeople } from '../db/explain.ts'
import { toCanonicalEmail } from '../domain/email.ts'
import { type Command, withDatabase } from './command.ts'

export const why: Command = {
  usage: 'why <email>',
  summary: 'say where each value of a person came from',
  async run(config, [address = ''], print) {
    const email = toCanonicalEmail(address)
    if (!email) {
      print('Usage: firstlogin why <email>')
      return 2
    }
    const people = await withDatabase(config, (sql) => explainPeople(sql, email))
    if (people.length === 0) print(`PostgreSQL does not know ${email}; the next login asks upstream.`)
    for (const person of people) {
      print(`${person.email}  ${person.id}  ${person.status}  ${person.role}`)
      for (const [field, source] of Object.entries(person.provenance)) {
        const at = new Date(source.at).toISOString()
        print(
          `  ${field.padEnd(14)} ${source.source} ${source.externalId ?? ''} ${at} ${source.event}`.trimEnd(),
        )
      }
      for (const [field, { value, at, by, projected }] of Object.entries(person.overrides ?? {})) {
        const when = new Date(at).toISOString()
        print(`  override of ${field}: ${value}, by ${by}, ${when}; ${projected.value} once it is lifted`)
      }
      for (const { upstream, externalId, lifecycle, checkedAt } of person.records) {
        const deleted = lifecycle.deleted ? `, deleted ${new Date(lifecycle.deleted.at).toISOString()}` : ''
        print(`  record ${upstream}:${externalId}, last seen ${checkedAt}${deleted}`)
      }
    }
    return people.length === 0 ? 1 : 0
  },
}
