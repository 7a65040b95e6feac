import { toInstant } from '../../domain/instant.ts'

/** A time with the digits that milliseconds have no room for. */
export interface Moment {
  /** Milliseconds since 1970, rounded down. */
  at: number
  /** The three digits behind them. */
  micros: string
}

/** Of a text such as `2026-08-20T10:54:52.123456+00:00`, in which zeros at the end of the fraction may be missing. */
export function toMoment(text: string | null): Moment | undefined {
  const at = text === null ? undefined : toInstant(text)
  if (text === null || at === undefined) return undefined
  const [, digits = ''] = /\.(\d{1,9})/.exec(text) ?? []
  return { at, micros: digits.padEnd(6, '0').slice(3, 6) }
}

/** Forever is a time of Postgres, too; what cannot be read has not passed. */
export function isAhead(text: string | null, now: number): boolean {
  if (text === null || text === '-infinity') return false
  return !(Date.parse(text) <= now)
}
