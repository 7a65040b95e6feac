import postgres, { type Sql } from 'postgres'
import type { Config } from '../config.ts'
import { arrayTypes } from '../db/array-types.ts'

interface Described {
  usage: string
  summary: string
}

/** A chore that needs no settings. The number is the exit code. */
export interface LocalCommand extends Described {
  runAlone(terminal: Terminal, print: (line: string) => void): Promise<number>
}

export interface Terminal {
  stdin: NodeJS.ReadableStream & { isTTY?: boolean }
  stderr: NodeJS.WritableStream
}

/** A chore: what it prints goes line by line to `print`; the number is the exit code. */
export interface Command extends Described {
  run(config: Config, args: string[], print: (line: string) => void): Promise<number>
}

/** Runs a chore on a database connection of its own. */
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
