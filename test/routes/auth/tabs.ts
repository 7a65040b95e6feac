/** What the tabs of one browser share. */
export interface Jar {
  refreshToken: string
}

export interface Tabs {
  /** A number from 0 up to 1. */
  random(): number
  /** Lets this much time pass at the server. */
  pass(seconds: number): Promise<void>
  /** Undefined when the user has been logged out. */
  refresh(refreshToken: string): Promise<string | undefined>
}

const shortestS = 20
const longestS = 500

/**
 * A user with several tabs, who comes back again and again: the tabs refresh at once, each up to three times, and requests and
 * answers overtake each other. Latencies are 20 to 500 s, a thousandfold, so that the time that the run itself takes does not
 * count; the grace is to be in proportion. Answers how many requests were refused.
 */
export async function browse(jar: Jar, visits: number, { random, pass, refresh }: Tabs): Promise<number> {
  let nowS = 0
  let refusals = 0
  let waiting: { atS: number; run: () => Promise<void> | void }[] = []
  const latency = () => (shortestS + random() * (longestS - shortestS)) / 2
  const after = (seconds: number, run: () => Promise<void> | void) =>
    void waiting.push({ atS: nowS + seconds, run })

  /** A tab sends what the jar holds then; what comes back goes into the jar whenever it arrives. */
  function send(more: number): void {
    const { refreshToken } = jar
    after(latency(), async () => {
      const next = await refresh(refreshToken)
      if (next === undefined) refusals += 1
      after(latency(), () => {
        if (next !== undefined) Object.assign(jar, { refreshToken: next })
        if (more > 0) after(random() * 100, () => send(more - 1))
      })
    })
  }

  for (let visit = 0; visit < visits; visit += 1) {
    const tabs = 2 + Math.floor(random() * 4)
    for (let tab = 0; tab < tabs; tab += 1) after(random() * longestS, () => send(Math.floor(random() * 3)))
    while (waiting.length > 0) {
      const next = waiting.reduce((first, one) => (one.atS < first.atS ? one : first))
      waiting = waiting.filter((one) => one !== next)
      await pass(next.atS - nowS)
      nowS = next.atS
      await next.run()
    }
    const pauseS = random() * 20_000
    await pass(pauseS)
    nowS += pauseS
  }
  return refusals
}

/** Numbers that look random and are the same for the same seed (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
