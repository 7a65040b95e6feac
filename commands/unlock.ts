import { findUserByEmail } from '../db/users.ts'
import { toCanonicalEmail } from '../domain/email.ts'
import { createThrottle } from '../sign-in/throttle.ts'
import { readArguments, UsageError } from './arguments.ts'
import { type Command, withDatabase } from './command.ts'

export const unlock: Command = {
  usage: 'unlock <email>',
  summary: 'forget the failed logins of an account, so that it can log in from everywhere again',
  async run(config, args, output) {
    const { words } = readArguments(args, { options: {}, min: 1, max: 1 })
    const email = toCanonicalEmail(words[0] ?? '')
    if (!email) throw new UsageError()
    return withDatabase(config, async (sql) => {
      const throttle = createThrottle({ sql, secret: config.FIRSTLOGIN_SECRET })
      const failures = await throttle.unlock(email)
      const user = await findUserByEmail(sql, email)
      if (failures > 0) output.line(`${email} can log in again: ${failures} failed logins are forgotten.`)
      else if (user) output.line(`${email} was not locked: no failed logins are stored.`)
      else output.error(`PostgreSQL does not know ${email}, and no failed logins are stored.`)
      output.result({ email, isKnown: user !== undefined, forgottenFailures: failures })
      return failures > 0 || user ? 0 : 1
    })
  },
}
