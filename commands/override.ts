import { Value } from 'typebox/value'
import { type OverrideTarget, overrideUser } from '../db/overrides.ts'
import { inTransaction } from '../db/transaction.ts'
import { toCanonicalEmail } from '../domain/email.ts'
import { type OverrideDecision, overrideFields } from '../domain/overrides.ts'
import { UserPatch } from '../schemas/admin-users.ts'
import { type Command, withDatabase } from './command.ts'

const usage = 'override <email|id> [--status active|disabled] [--role owner|admin|member|viewer] [--lift]'
const uuid = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i

export const override: Command = {
  usage: 'override <email>',
  summary: 'set the status or role of a user above every upstream, until --lift',
  async run(config, [name = '', ...options], print) {
    const target = toTarget(name)
    const decision = readDecision(options)
    if (!target || !decision) {
      print(`Usage: firstlogin ${usage}`)
      return 2
    }
    const at = Date.now()
    const user = await withDatabase(config, (sql) =>
      inTransaction(sql, (tx) => overrideUser(tx, target, { decision, at, by: 'command line' })),
    )
    if (!user) {
      print(`PostgreSQL does not know ${name}: there is nothing to override.`)
      return 1
    }
    print(`${user.email}  ${user.id}  ${user.status}  ${user.role}`)
    for (const field of overrideFields) {
      const set = user.overrides?.[field]
      if (set) print(`  ${field}: ${set.value} until it is lifted, then ${set.projected.value}`)
    }
    if (!user.overrides) print('  No override is in force.')
    return 0
  },
}

function toTarget(name: string): OverrideTarget | undefined {
  if (uuid.test(name)) return { id: name }
  const email = toCanonicalEmail(name)
  return email && { email }
}

/** `--lift` alone lifts all; beside another option it lifts what that does not set. Undefined for what is no decision. */
function readDecision(options: string[]): OverrideDecision | undefined {
  const decision: Record<string, string | null> = {}
  const rest = [...options]
  for (let option = rest.shift(); option !== undefined; option = rest.shift()) {
    const [flag, value = flag === '--lift' ? undefined : rest.shift()] = option.split('=')
    if (flag === '--lift' && value === undefined)
      Object.assign(decision, { status: null, role: null, ...decision })
    else if (flag === '--status' || flag === '--role') decision[flag.slice(2)] = value ?? ''
    else return undefined
  }
  return Value.Check(UserPatch, decision) ? decision : undefined
}
