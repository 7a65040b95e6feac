import type { Sql, TransactionSql } from 'postgres'

/** What instances tell each other: a person whose state changed, an address that is known now, new signing keys. */
export type Notice = { userId: string } | { email: string } | { keys: true }

export const channel = 'firstlogin'

/** Sent when the transaction commits, never before. */
export async function notify(sql: Sql | TransactionSql, notices: Notice[]): Promise<void> {
  if (notices.length === 0) return
  const payloads = notices.map((notice) => JSON.stringify(notice))
  await sql`select pg_notify(${channel}, payload) from unnest(${payloads}::text[]) as payload`
}

/** Undefined for what another version might send. */
export function toNotice(payload: string): Notice | undefined {
  const notice: unknown = JSON.parse(payload)
  if (typeof notice !== 'object' || notice === null) return undefined
  if ('userId' in notice && typeof notice.userId === 'string') return { userId: notice.userId }
  if ('email' in notice && typeof notice.email === 'string') return { email: notice.email }
  return 'keys' in notice ? { keys: true } : undefined
}
