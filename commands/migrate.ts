import { migrate } from '../db/migrate.ts'
import { readArguments } from './arguments.ts'
import { type Command, withDatabase } from './command.ts'

export const migrateDatabase: Command = {
  usage: 'migrate',
  summary: 'bring the database up to date',
  async run(config, args, output) {
    readArguments(args, { options: {}, min: 0, max: 0 })
    const applied = await withDatabase(config, migrate)
    output.line(applied.length === 0 ? 'Nothing to do.' : `Applied ${applied.join(', ')}.`)
    output.result({ applied })
    return 0
  },
}
