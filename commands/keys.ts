import { ensureSigningKeys, rotateSigningKeys } from '../db/signing-keys.ts'
import { createSealedKey } from '../plugins/keys.ts'
import { type Command, withDatabase } from './command.ts'

export const keys: Command = {
  usage: 'keys rotate',
  summary: 'sign with the next key from now on; running instances follow at once',
  async run(config, [action], print) {
    if (action !== 'rotate') {
      print('Usage: firstlogin keys rotate')
      return 2
    }
    const createKey = () => createSealedKey(config.FIRSTLOGIN_SECRET)
    return withDatabase(config, async (sql) => {
      await ensureSigningKeys(sql, createKey)
      await rotateSigningKeys(sql, createKey)
      const [current] = await sql<
        { kid: string }[]
      >`select kid from firstlogin.signing_keys where state = 'current'`
      print(`Tokens are signed with ${current?.kid} now.`)
      return 0
    })
  },
}
