import type { Command, LocalCommand } from './command.ts'
import { doctor } from './doctor.ts'
import { hash } from './hash.ts'
import { keys } from './keys.ts'
import { migrateDatabase } from './migrate.ts'
import { override } from './override.ts'
import { reconcile } from './reconcile.ts'
import { replay } from './replay.ts'
import { secret } from './secret.ts'
import { subscribe } from './subscribe.ts'
import { unlock } from './unlock.ts'
import { why } from './why.ts'

/** Every chore there is, by its name on the command line. */
export const commands: ReadonlyMap<string, Command | LocalCommand> = new Map<string, Command | LocalCommand>([
  ['migrate', migrateDatabase],
  ['doctor', doctor],
  ['keys', keys],
  ['secret', secret],
  ['reconcile', reconcile],
  ['subscribe', subscribe],
  ['replay', replay],
  ['why', why],
  ['hash', hash],
  ['unlock', unlock],
  ['override', override],
])
