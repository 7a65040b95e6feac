import type { Command } from './command.ts'
import { connect } from './connect.ts'

export const replay: Command = {
  usage: 'replay [<upstream> <eventId> | --all]',
  summary: 'list the events that could not be applied, or apply them again',
  async run(config, args, print) {
    const [source, id] = args
    const isAll = source === '--all' && args.length === 1
    if (args.length > 0 && !isAll && args.length !== 2) {
      print('Usage: firstlogin replay [<upstream> <eventId> | --all]')
      return 2
    }
    const app = await connect(config)
    try {
      if (args.length === 0) return await list()
      if (!isAll && source && id) return say(id, await app.inbox.replay(source, id))
      let failures = 0
      for (const failed of await app.inbox.listFailed({ limit: 10_000 }))
        failures += say(failed.id, await app.inbox.replay(failed.source, failed.id))
      return failures === 0 ? 0 : 1
    } finally {
      await app.close()
    }

    async function list(): Promise<number> {
      const failed = await app.inbox.listFailed({ limit: 1000 })
      for (const { source, id, type, receivedAt, reason, attempts } of failed)
        print(`${receivedAt.toISOString()}  ${source} ${id}  ${type}  ${reason}  tried ${attempts}`)
      if (failed.length === 0) print('No event has failed.')
      return 0
    }

    function say(id: string, outcome: string): number {
      print(`${id}: ${outcome}`)
      return outcome.startsWith('FL_') ? 1 : 0
    }
  },
}
