import { findUserByEmail } from '../db/users.ts'
import { toCanonicalEmail } from '../domain/email.ts'
import { createThrottle } from '../sign-in/throttle.ts'
import { type Command, withDatabase } from './command.ts'

export const unlock: Command = {
  usage: 'unlock <email>',
  summary: 'forget the failed logins of an account, so that it can log in from everywhere again',
  async run(config, args, print) {
    const email = toCanonicalEmail(args[0] ?? '')
    if (!email || args.length > 1) {
      print('Usage: firstlogin unlock <email>')
      return 2
    }
    return withDatabase(config, async (sql) => {
      const throttle = createThrottle({ sql, secret: config.FIRSTLOGIN_SECRET })
      const failures = await throttle.unlock(email)
      const user = await findUserByEmail(sql, email)
      if (failures > 0) print(`${email} can log in again: ${failures} failed logins are forgotten.`)
      else if (user) print(`${email} was not locked: no failed logins are stored.`)
      else print(`PostgreSQL does not know ${email}, and no failed logins are stored.`)
      return failures > 0 || user ? 0 : 1
    })
  },
}
