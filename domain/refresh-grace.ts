/** How a session was used lately. Times are seconds ago. */
export interface SessionUse {
  /** Of the token in force. */
  generation: number
  /** When the token in force and those shortly before it were issued, the newest first. */
  issuedAgoS: readonly number[]
  /** When a token that had been used already was last presented again, by the client that had used it. */
  repeatedAgoS: number | null
  /** Of the client that used a token last. */
  userAgent: string
  network: string | null
}

/** A refresh with a token that is not in force. */
export interface Presented {
  generation: number
  userAgent: string
  network: string | null
}

/**
 * What a token means that was used before: `repeat` is one of several requests of one client and is answered with the token
 * in force; `late` is the same, of a client that stored an older answer last; `reuse` ends the session.
 *
 * `late`: tabs share one cookie jar. A token that several answers carried may arrive after its successor did, and is then
 * what the client presents next, long after the grace. It is accepted from the same user agent and network if a repeat was
 * seen shortly before, and nothing was issued since but within one grace.
 */
export function judgeUsedToken(
  presented: Presented,
  use: SessionUse,
  graceS: number,
): 'repeat' | 'late' | 'reuse' {
  // The successor's age is the time since the token was used.
  const usedAgoS = use.issuedAgoS[use.generation - presented.generation - 1]
  if (usedAgoS === undefined || presented.userAgent !== use.userAgent) return 'reuse'
  if (usedAgoS <= graceS) return 'repeat'
  const [newestAgoS = 0] = use.issuedAgoS
  const wasRepeated = use.repeatedAgoS !== null && use.repeatedAgoS <= usedAgoS + graceS
  const isSameNetwork = presented.network !== null && presented.network === use.network
  return wasRepeated && isSameNetwork && usedAgoS - newestAgoS <= graceS ? 'late' : 'reuse'
}
