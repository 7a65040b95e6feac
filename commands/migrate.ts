import { migrate } from '../db/migrate.ts'
import { type Command, withDatabase } from './command.ts'

export const migrateDatabase: Command = {
  usage: 'migrate',
  summary: 'bring the database up to date',
  async run(config, _args, print) {
    const applied = await withDatabase(config, migrate)
    print(applied.length === 0 ? 'Nothing to do.' : `Applied ${applied.join(', ')}.`)
    return 0
  },
}
