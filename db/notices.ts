import type { Sql, TransactionSql } from 'postgres'

/**
 * What instances tell each other: a person or an organization that changed, new signing keys, news at an upstream.
 * `isLookup`: the change is what a look-up by address found.
 */
export type Notice =
  | { userId: string; email?: string; isLookup?: true }
  | { organizationId: string }
  | { keys: true }
  | { feed: string }

export const channel = 'firstlogin'

/** Sent when the transaction commits, never before. */
export async function notify(sql: Sql | TransactionSql, notices: Notice[]): Promise<void> {
  if (notices.length === 0) return
  const payloads = notices.map((notice) => JSON.stringify(notice))
  await sql`select pg_notify(${channel}, payload) from unnest(${payloads}::text[]) as payload`
}

/** Undefined for what another version, or somebody else, might send. */
export function toNotice(payload: string): Notice | undefined {
  const notice = parse(payload)
  if (typeof notice !== 'object' || notice === null) return undefined
  if ('userId' in notice && typeof notice.userId === 'string') {
    const email = 'email' in notice && typeof notice.email === 'string' ? { email: notice.email } : {}
    const isLookup = 'isLookup' in notice && notice.isLookup === true ? { isLookup: true as const } : {}
    return { userId: notice.userId, ...email, ...isLookup }
  }
  if ('organizationId' in notice && typeof notice.organizationId === 'string')
    return { organizationId: notice.organizationId }
  if ('feed' in notice && typeof notice.feed === 'string') return { feed: notice.feed }
  return 'keys' in notice ? { keys: true } : undefined
}

function parse(payload: string): unknown {
  try {
    return JSON.parse(payload)
  } catch {
    return undefined
  }
}
