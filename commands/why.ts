import { type Explanation, explainPeople } from '../db/explain.ts'
import { toCanonicalEmail } from '../domain/email.ts'
import { readArguments, UsageError } from './arguments.ts'
import { type Command, withDatabase } from './command.ts'
import type { Output } from './output.ts'

export const why: Command = {
  usage: 'why <email>',
  summary: 'print each value of a user with its source: upstream, record, time and event',
  async run(config, args, output) {
    const { words } = readArguments(args, { options: {}, min: 1, max: 1 })
    const email = toCanonicalEmail(words[0] ?? '')
    if (!email) throw new UsageError()
    const users = await withDatabase(config, (sql) => explainPeople(sql, email))
    if (users.length === 0) output.error(`PostgreSQL does not know ${email}; the next login asks upstream.`)
    for (const user of users) printUser(user, output)
    output.result({ users })
    return users.length === 0 ? 1 : 0
  },
}

function printUser(user: Explanation, { line }: Output): void {
  line(`${user.email}  ${user.id}`)
  for (const [field, value] of Object.entries(user.values)) {
    const source = user.provenance[field as keyof typeof user.provenance]
    const origin = source
      ? [source.source, source.externalId, toTime(source.at), source.event].filter(Boolean).join(' ')
      : 'default'
    line(`  ${field.padEnd(14)} ${toText(value).padEnd(24)} ${origin}`)
  }
  for (const [field, { value, at, by, projected }] of Object.entries(user.overrides ?? {}))
    line(`  override of ${field}: ${value}, by ${by}, ${toTime(at)}; ${projected.value} once it is lifted`)
  for (const { upstream, externalId, lifecycle, checkedAt } of user.records) {
    const deleted = lifecycle.deleted ? `, deleted ${toTime(lifecycle.deleted.at)}` : ''
    line(`  record ${upstream}:${externalId}, last seen ${checkedAt}${deleted}`)
  }
}

function toText(value: Explanation['values'][string]): string {
  return value === null ? '(none)' : String(value)
}

function toTime(at: number): string {
  return new Date(at).toISOString()
}
