import { readArguments, UsageError } from './arguments.ts'
import type { Command } from './command.ts'
import { connect } from './connect.ts'

export const replay: Command = {
  usage: 'replay [<upstream> <eventId> | --all]',
  summary: 'list the events that could not be applied, or apply them again',
  async run(config, args, output) {
    const { values, words } = readArguments(args, { options: { all: { type: 'boolean' } }, min: 0, max: 2 })
    const [source, id] = words
    if (words.length === 1 || (values.all && words.length > 0)) throw new UsageError()
    const app = await connect(config)
    try {
      if (source && id) return await apply([{ source, id }])
      if (values.all) return await apply(await app.inbox.listFailed({ limit: 10_000 }))
      return await list()
    } finally {
      await app.close()
    }

    async function list(): Promise<number> {
      const failed = await app.inbox.listFailed({ limit: 1000 })
      for (const { source, id, type, receivedAt, reason, attempts } of failed)
        output.line(`${receivedAt.toISOString()}  ${source} ${id}  ${type}  ${reason}  tried ${attempts}`)
      if (failed.length === 0) output.line('No event has failed.')
      output.result({ failed })
      return 0
    }

    async function apply(events: { source: string; id: string }[]): Promise<number> {
      const replayed: { source: string; id: string; outcome: string }[] = []
      for (const { source, id } of events) {
        const outcome = await app.inbox.replay(source, id)
        output.line(`${id}: ${outcome}`)
        replayed.push({ source, id, outcome })
      }
      output.result({ replayed })
      return replayed.some(({ outcome }) => outcome.startsWith('FL_')) ? 1 : 0
    }
  },
}
