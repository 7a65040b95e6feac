import type { RowChange } from './table.ts'

/** A POST as it leaves the vendor: the bytes matter. */
export interface Posted {
  headers: Record<string, string>
  body: string
}

/** What the trigger posts through pg_net: a body without id, time or signature, and headers that are always the same. */
export function toDatabaseWebhook(
  { type, record, oldRecord }: RowChange,
  headers: Record<string, string>,
): Posted {
  const body = { old_record: oldRecord, record, type, table: 'users', schema: 'auth' }
  return { headers: { 'content-type': 'application/json', ...headers }, body: toJsonbText(body) }
}

/** Posted once, with a second to answer; nobody looks at the answer, and nothing is tried again. */
export async function postOnce(url: string, { headers, body }: Posted): Promise<number | undefined> {
  try {
    const signal = AbortSignal.timeout(1000)
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'user-agent': 'pg_net/0.19.5', ...headers },
      body,
      signal,
    })
    await response.body?.cancel()
    return response.status
  } catch {
    return undefined
  }
}

/** The text of a jsonb: keys by their length, then by their bytes, and a space after each colon and comma. */
export function toJsonbText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(toJsonbText).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const entries = Object.entries(value).sort(
    ([a], [b]) =>
      Buffer.byteLength(a) - Buffer.byteLength(b) || Buffer.compare(Buffer.from(a), Buffer.from(b)),
  )
  return `{${entries.map(([key, of]) => `${JSON.stringify(key)}: ${toJsonbText(of)}`).join(', ')}}`
}
