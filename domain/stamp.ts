/** When a piece of news became true upstream, and what breaks a tie: the event's id (reads carry their moment). */
export interface Stamp {
  /** Milliseconds since 1970, by the upstream's own clock. */
  at: number
  event: string
}

/** Below 0 when `a` is the older news. Event ids are compared by code units, so that every machine agrees. */
export function compareStamps(a: Stamp, b: Stamp): number {
  if (a.at !== b.at) return a.at - b.at
  return a.event < b.event ? -1 : a.event > b.event ? 1 : 0
}

export function newerStamp<T extends Stamp>(a: T | undefined, b: T | undefined): T | undefined {
  if (!a || !b) return a ?? b
  return compareStamps(a, b) < 0 ? b : a
}
