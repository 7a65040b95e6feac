/**
 * Milliseconds since 1970 of an ISO 8601 time with an offset. Undefined for a day or an hour that no calendar has, and
 * for what lies before 1970 or after 9999.
 */
export function toInstant(text: string): number | undefined {
  const at = Date.parse(text)
  const [, sign, hours, minutes] = /([+-])(\d{2}):(\d{2})$/.exec(text) ?? []
  const offset = (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * (sign === '-' ? -1 : 1)
  const local = new Date(at + offset * 60_000)
  if (Number.isNaN(local.getTime())) return undefined
  // Date.parse makes March of the 30th of February, and tomorrow of 24 o'clock.
  const isReal = local.toISOString().slice(0, 19) === text.slice(0, 19).replace(/[t ]/, 'T')
  return isReal && at >= 0 && new Date(at).getUTCFullYear() <= 9999 ? at : undefined
}
