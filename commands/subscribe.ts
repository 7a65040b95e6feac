import { listSigningKeys } from '../db/signing-keys.ts'
import { createKeyRing } from '../domain/sealing.ts'
import { FirstloginError } from '../errors.ts'
import { verifySealedKeys } from '../plugins/keys.ts'
import type { Command } from './command.ts'
import { connect } from './connect.ts'

/** A host that means something within one network only. */
const near = /^((127|10|192\.168|169\.254|172\.(1[6-9]|2\d|3[01]))\.[\d.]+|\[.+|[^.]+|.+\.(local|internal))$/

export const subscribe: Command = {
  usage: 'subscribe [off]',
  summary: "have upstreams say when there is news (Airtable's webhooks), or end that",
  async run(config, [action, ...more], print) {
    if ((action !== undefined && action !== 'off') || more.length > 0) {
      print('Usage: firstlogin subscribe [off]')
      return 2
    }
    const app = await connect(config)
    try {
      // A subscription under another secret would be one that no instance can read.
      verifySealedKeys(
        createKeyRing(config.FIRSTLOGIN_SECRET, 'signing-keys'),
        await listSigningKeys(app.sql),
      )
      for (const { name, feed } of app.upstreams) {
        if (!feed) continue
        if (action === 'off') {
          print(
            `${name}: ${(await app.feeds.unsubscribe(name)) ? 'unsubscribed' : 'there was no subscription'}`,
          )
        } else {
          await app.feeds.subscribe(name)
          print(`${name}: subscribed; news are announced at ${config.BASE_URL}/api/sync${feed.path}`)
          if (near.test(new URL(config.BASE_URL).hostname))
            print('Nobody outside can reach that address: see BASE_URL.')
        }
      }
      return 0
    } catch (error) {
      if (!(error instanceof FirstloginError)) throw error
      const reason = error.cause instanceof Error ? error.cause.message : undefined
      print([error.detail ?? error.message, reason].filter(Boolean).join(' '))
      return 1
    } finally {
      await app.close()
    }
  },
}
