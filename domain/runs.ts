import { createHash } from 'node:crypto'
import { toCanonicalEmail } from './email.ts'
import { toCanonicalJson } from './json.ts'

/**
 * One value of a field: its key, the last time that it was told, and the first times of its present run, oldest first.
 * A run is what was told of one value without another in between. Milliseconds since 1970.
 */
export type Run = [key: string, last: number, ...times: number[]]

/** A value of a field, as far as its runs are concerned. */
export interface Told {
  value: unknown
  at: number
  runs?: Run[]
  replaced?: string
}

/** Other values matter by the last time that they were told, so the last two of them are enough. */
const maxValues = 3
/** A change that arrives late may split a run; it is found exactly while it is not older than this many repetitions. */
const maxTimes = 8

/** Equal for values that are the same to their field: an address in any spelling, a hash and its stronger form. */
export function runKey(field: string, claim: Told): string {
  if (claim.replaced !== undefined) return claim.replaced
  if (field === 'email' && typeof claim.value === 'string')
    return toCanonicalEmail(claim.value) ?? claim.value
  const text = toCanonicalJson(claim.value)
  // Of a password hash no more than this is kept.
  const isShort = text.length <= 16 && field !== 'passwordHash'
  return isShort ? text : createHash('sha256').update(text).digest('base64url').slice(0, 22)
}

export function runsOf(field: string, claim: Told): Run[] {
  return claim.runs ?? [[runKey(field, claim), claim.at, claim.at]]
}

/** Since when a field has had its value without another in between, as far as it was told. Milliseconds since 1970. */
export function sinceOf(field: string, claim: Told): number {
  const key = runKey(field, claim)
  const [, last = claim.at, ...times] = runsOf(field, claim).find(([name]) => name === key) ?? []
  return times[0] ?? last
}

/** All that both know together: commutative, associative and idempotent. */
export function mergeRuns(some: Run[], others: Run[]): Run[] {
  const all = new Map<string, { last: number; times: Set<number> }>()
  for (const [key, last, ...times] of [...some, ...others]) {
    const known = all.get(key)
    all.set(key, {
      last: Math.max(last, known?.last ?? 0),
      times: new Set([...(known?.times ?? []), ...times]),
    })
  }
  const runs = [...all].map(([key, { last, times }]): Run => {
    const lastOther = Math.max(-1, ...[...all].map(([other, run]) => (other === key ? -1 : run.last)))
    const present = [...times].filter((time) => time > lastOther).sort((a, b) => a - b)
    return [key, last, ...present.slice(0, maxTimes)]
  })
  return runs.sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, maxValues)
}

/** What was told later than a moment. */
export function runsAfter(runs: Run[], moment: number): Run[] {
  return runs
    .filter(([, last]) => last > moment)
    .map(([key, last, ...times]) => [key, last, ...times.filter((time) => time > moment)])
}
