import { listSigningKeys } from '../db/signing-keys.ts'
import { createKeyRing } from '../domain/sealing.ts'
import { FirstloginError } from '../errors.ts'
import { verifySealedKeys } from '../plugins/keys.ts'
import { readArguments, UsageError } from './arguments.ts'
import type { Command } from './command.ts'
import { connect } from './connect.ts'

/** A host that means something within one network only. */
const near = /^((127|10|192\.168|169\.254|172\.(1[6-9]|2\d|3[01]))\.[\d.]+|\[.+|[^.]+|.+\.(local|internal))$/

export const subscribe: Command = {
  usage: 'subscribe [off]',
  summary: 'have upstreams report changes by webhook (Airtable), or end that',
  async run(config, args, output) {
    const [action] = readArguments(args, { options: {}, min: 0, max: 1 }).words
    if (action !== undefined && action !== 'off') throw new UsageError()
    const subscriptions: { upstream: string; outcome: string; url?: string }[] = []
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
          const hadOne = await app.feeds.unsubscribe(name)
          subscriptions.push({ upstream: name, outcome: hadOne ? 'unsubscribed' : 'none' })
          output.line(`${name}: ${hadOne ? 'unsubscribed' : 'there was no subscription'}`)
        } else {
          await app.feeds.subscribe(name)
          const url = `${config.BASE_URL}/api/sync${feed.path}`
          subscriptions.push({ upstream: name, outcome: 'subscribed', url })
          output.line(`${name}: subscribed; events are delivered to ${url}`)
          if (near.test(new URL(config.BASE_URL).hostname))
            output.error(`${name} cannot reach that address: set BASE_URL to the public one.`)
        }
      }
      output.result({ subscriptions })
      return 0
    } catch (error) {
      if (!(error instanceof FirstloginError)) throw error
      const reason = error.cause instanceof Error ? error.cause.message : undefined
      output.error([error.detail ?? error.message, reason].filter(Boolean).join(' '))
      return 1
    } finally {
      await app.close()
    }
  },
}
