import postgres, { type Sql } from 'postgres'
import type { Config } from '../config.ts'
import { arrayTypes } from '../db/array-types.ts'
import type { Output } from './output.ts'

interface Described {
  /** What follows `firstlogin`: every argument but `--json` and `--help`, which all commands know. */
  usage: string
  summary: string
}

/** A command that needs no settings. */
export interface LocalCommand extends Described {
  runAlone(terminal: Terminal, args: string[], output: Output): Promise<number>
}

export interface Terminal {
  stdin: NodeJS.ReadableStream & { isTTY?: boolean }
  stderr: NodeJS.WritableStream
}

/** The number is the exit code: 0 done, 1 not done or something is wrong. Throws UsageError for other arguments. */
export interface Command extends Described {
  /** `standIns`: the names of settings that are not set, and that the sandbox has filled. */
  run(config: Config, args: string[], output: Output, standIns?: ReadonlySet<string>): Promise<number>
}

/** Runs a command on a database connection of its own. */
export async function withDatabase<T>(config: Config, work: (sql: Sql) => Promise<T>): Promise<T> {
  const sql = postgres(config.DATABASE_URL, {
    max: 2,
    connect_timeout: 10,
    fetch_types: false,
    types: arrayTypes,
    connection: { application_name: 'firstlogin-command' },
    onnotice: () => {},
  })
  try {
    return await work(sql)
  } finally {
    await sql.end({ timeout: 5 })
  }
}
