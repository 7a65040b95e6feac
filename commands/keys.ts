import { ensureSigningKeys, rotateSigningKeys, type StoredKey } from '../db/signing-keys.ts'
import { createKeyRing } from '../domain/sealing.ts'
import { createSealedKey, verifySealedKeys } from '../plugins/keys.ts'
import { readArguments, UsageError } from './arguments.ts'
import { type Command, withDatabase } from './command.ts'

export const keys: Command = {
  usage: 'keys rotate',
  summary: 'sign with the next key from now on; running instances follow at once',
  async run(config, args, output) {
    const { words } = readArguments(args, { options: {}, min: 1, max: 1 })
    if (words[0] !== 'rotate') throw new UsageError()
    const sealing = createKeyRing(config.FIRSTLOGIN_SECRET, 'signing-keys')
    // With another secret the new key could not be opened beside the old ones.
    const verify = (stored: readonly StoredKey[]) => verifySealedKeys(sealing, stored)
    const createKey = () => createSealedKey(sealing)
    return withDatabase(config, async (sql) => {
      await ensureSigningKeys(sql, verify, createKey)
      await rotateSigningKeys(sql, verify, createKey)
      const [current] = await sql<
        { kid: string }[]
      >`select kid from firstlogin.signing_keys where state = 'current'`
      output.line(`Tokens are signed with ${current?.kid} now.`)
      output.result({ keyId: current?.kid })
      return 0
    })
  },
}
