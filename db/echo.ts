import { randomUUID } from 'node:crypto'
import postgres, { type Sql } from 'postgres'

/** A channel for what an instance sends to itself, to learn whether invalidations arrive at all. */
export const echoChannel = 'firstlogin_echo'

/** An invalidation arrives within milliseconds, also on a busy machine. */
const maxEchoMs = 5000

/** The database is there, but a pooler in transaction mode lends each connection to several clients. */
export class PoolerError extends Error {
  constructor() {
    super(
      'DATABASE_URL leads through a pooler in transaction mode, where invalidations between instances are lost: ' +
        'connect to PostgreSQL directly, or through a pooler in session mode (PgBouncer: pool_mode = session).',
    )
  }
}

export interface Echo {
  /** To be called with the payloads that arrive on `echoChannel`. */
  hear(payload: string): void
  /** Whether what is sent over `sql` arrives. */
  isHeard(sql: Sql): Promise<boolean>
}

export function createEcho(maxMs = maxEchoMs): Echo {
  const waiting = new Map<string, () => void>()
  return {
    hear: (payload) => waiting.get(payload)?.(),
    async isHeard(sql) {
      const id = randomUUID()
      const heard = new Promise<boolean>((resolve) => waiting.set(id, () => resolve(true)))
      let timer: NodeJS.Timeout | undefined
      try {
        // A plain text: prepared statements are another thing that such poolers lose.
        await sql.unsafe(`notify ${echoChannel}, '${id}'`)
        const late = new Promise<boolean>((resolve) => (timer = setTimeout(resolve, maxMs, false)))
        return await Promise.race([heard, late])
      } finally {
        clearTimeout(timer)
        waiting.delete(id)
      }
    },
  }
}

/**
 * Throws PoolerError unless a connection belongs to one client for as long as it is open: what is set on one must not be
 * seen on another, and what one listens for must arrive.
 */
export async function verifyConnections(sql: Sql, maxMs?: number): Promise<void> {
  const echo = createEcho(maxMs)
  const line = openLine(sql, 'firstlogin-echo', (channel, payload) => {
    if (channel === echoChannel) echo.hear(payload)
  })
  try {
    const id = randomUUID()
    await line.unsafe(`select set_config('firstlogin.echo', '${id}', false)`)
    const [row] = await sql.unsafe(`select current_setting('firstlogin.echo', true) as id`)
    if (row?.['id'] === id) throw new PoolerError()
    await line.unsafe(`listen ${echoChannel}`)
    if (!(await echo.isHeard(sql))) throw new PoolerError()
  } finally {
    await line.end({ timeout: 1 })
  }
}

/** One connection beside a pool, which stays open and hears what is sent. */
export function openLine(
  sql: Sql,
  name: string,
  onNotify: (channel: string, payload: string) => void,
  onClose: () => void = () => {},
): Sql {
  return postgres({
    ...(sql.options as object),
    // Not in the library's types.
    ...({ onnotify: onNotify } as object),
    max: 1,
    idle_timeout: 0,
    max_lifetime: null,
    fetch_types: false,
    connection: { application_name: name },
    onclose: onClose,
  })
}
