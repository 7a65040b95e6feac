import type { Sql } from 'postgres'
import { listForeignHashes } from '../../db/password-hashes.ts'
import { createMemoryGate } from '../../domain/gate.ts'
import { isTooExpensiveHash } from '../../domain/password.ts'
import type { Http, UnusableRecord, Upstream } from '../../upstreams/upstream.ts'
import { type Check, fail } from './check.ts'

/** More records than this take too long to read here: `firstlogin reconcile` logs the rest. */
const maxPages = 20

/** The stored records whose hash costs too much to verify, as `upstream:id`. An earlier version accepted more. */
export async function findStoredExpensiveHashes(sql: Sql): Promise<string[]> {
  const records: string[] = []
  for await (const { upstream, externalId, passwordHash } of listForeignHashes(sql))
    if (isTooExpensiveHash(passwordHash)) records.push(`${upstream}:${externalId}`)
  return records
}

export function toExpensive(records: string[]): Check[] {
  if (records.length === 0) return []
  const cause =
    'too expensive to verify: their users cannot log in until they reset the password, or it is hashed anew'
  return [fail('password hashes', `${cause}: ${records.join(', ')}`)]
}

/** The records of the first pages of an upstream's directory that cannot be used, or not in full. */
export async function findUnusableRecords(upstream: Upstream, http: Http): Promise<UnusableRecord[]> {
  const records: UnusableRecord[] = []
  const { directory } = upstream.create({
    http,
    gate: createMemoryGate(upstream.limits),
    log: () => {},
    clock: Date.now,
    slowMs: 10_000,
  })
  if (!directory?.hasPasswordHashes) return []
  let from: string | undefined
  for (let pages = 0; pages < maxPages; pages += 1) {
    const page = await directory.readPage(from)
    if (page === 'expired') break
    records.push(...(page.unusable ?? []))
    if (page.next === undefined) break
    from = page.next
  }
  return records
}
