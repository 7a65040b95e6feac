import { FirstloginError } from '../errors.ts'
import type { Command } from './command.ts'
import { connect } from './connect.ts'

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
      for (const { name, feed } of app.upstreams) {
        if (!feed) continue
        if (action === 'off') {
          print(
            `${name}: ${(await app.feeds.unsubscribe(name)) ? 'unsubscribed' : 'there was no subscription'}`,
          )
        } else {
          await app.feeds.subscribe(name)
          print(`${name}: subscribed; news are announced at ${config.BASE_URL}/api/sync${feed.path}`)
        }
      }
      return 0
    } catch (error) {
      if (!(error instanceof FirstloginError)) throw error
      print(`${error.message} ${error.cause instanceof Error ? error.cause.message : ''}`.trimEnd())
      return 1
    } finally {
      await app.close()
    }
  },
}
