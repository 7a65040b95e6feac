import { Value } from 'typebox/value'
import { type OverrideTarget, overrideUser } from '../db/overrides.ts'
import { inTransaction } from '../db/transaction.ts'
import { toCanonicalEmail } from '../domain/email.ts'
import { overrideFields } from '../domain/overrides.ts'
import { UserPatch } from '../schemas/admin-users.ts'
import { readArguments, UsageError } from './arguments.ts'
import { type Command, withDatabase } from './command.ts'

const options = {
  status: { type: 'string' },
  role: { type: 'string' },
  lift: { type: 'boolean' },
} as const
const uuid = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i

export const override: Command = {
  usage: 'override <email|id> [--status active|disabled] [--role owner|admin|member|viewer] [--lift]',
  summary: 'set the status or role of a user above every upstream, until --lift',
  async run(config, args, output) {
    const { values, words } = readArguments(args, { options, min: 1, max: 1 })
    const [name = ''] = words
    const target = toTarget(name)
    const { lift, ...set } = values
    // `--lift` alone lifts all; beside another option it lifts what that does not set.
    const decision: unknown = { ...(lift && { status: null, role: null }), ...set }
    if (!target || !Value.Check(UserPatch, decision)) throw new UsageError()
    const at = Date.now()
    const user = await withDatabase(config, (sql) =>
      inTransaction(sql, (tx) => overrideUser(tx, target, { decision, at, by: 'command line' })),
    )
    if (!user) {
      output.error(`PostgreSQL does not know ${name}: there is nothing to override.`)
      return 1
    }
    output.line(`${user.email}  ${user.id}  ${user.status}  ${user.role}`)
    for (const field of overrideFields) {
      const set = user.overrides?.[field]
      if (set) output.line(`  ${field}: ${set.value} until it is lifted, then ${set.projected.value}`)
    }
    if (!user.overrides) output.line('  No override is in force.')
    const { id, email, status, role, overrides } = user
    output.result({ id, email, status, role, overrides })
    return 0
  },
}

function toTarget(name: string): OverrideTarget | undefined {
  if (uuid.test(name)) return { id: name }
  const email = toCanonicalEmail(name)
  return email && { email }
}
