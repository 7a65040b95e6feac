import { checkExactlyOnce } from './exactly-once.ts'
import type { LoadJob, LoadResult } from './load.ts'
import type { VerifyJob } from './peers/argon2.ts'
import { password, people } from './people.ts'
import { credentials, json, signIn, signInAtPeer } from './sign-in.ts'
import type { World } from './world.ts'

/** How often a second something was done, and where it was asked for over HTTP, what the slowest hundredth took. */
export interface Pace {
  perSecond: number
  p99Ms?: number
}

/** Something that is done again and again for some seconds. */
export type Measure = (seconds: number) => Promise<Pace>

export const measureNames = [
  'argon2Verify',
  'login',
  'peerSignIn',
  'me',
  'bareMe',
  'identity',
  'bareIdentity',
  'peerSession',
  'refresh',
  'events',
  'bareEvents',
] as const
export type MeasureName = (typeof measureNames)[number]

/**
 * The measures of these names, or all, warmed up. Everybody is signed in everywhere, which is also what brings them into
 * Postgres.
 */
export async function prepareMeasures(
  world: World,
  only?: readonly string[],
): Promise<[MeasureName, Measure][]> {
  const serviceUrl = world.service.url
  const peerUrl = world.betterAuth.ready
  const tokens = await Promise.all(people.map(({ email }) => signIn(serviceUrl, email)))
  const cookies = await Promise.all(people.map(({ email }) => signInAtPeer(peerUrl, email)))
  const logins = people.map(({ email }) => ({ headers: json, body: credentials(email) }))
  const bearers = (tokens: string[]) => tokens.map((token) => ({ authorization: `Bearer ${token}` }))
  const concurrency = await findBestConcurrency(world)

  const load = (job: LoadJob) => world.load.ask<LoadResult>(job)

  function read(url: string, headers: Record<string, string>[]): Measure {
    const clients = headers.map((own) => ({ headers: own }))
    return (seconds) => load({ url, method: 'GET', seconds, clients })
  }

  function loadEvents(url: string, seconds: number): Promise<LoadResult> {
    const clients = Array.from({ length: 64 }, () => ({ headers: {} }))
    return load({ url, method: 'POST', seconds, isEvents: true, clients })
  }

  const measures: Record<MeasureName, Measure> = {
    async argon2Verify(seconds) {
      const job: VerifyJob = { password, hash: world.hash, concurrency, seconds }
      return { perSecond: await world.argon2.ask<number>(job) }
    },
    login: (seconds) =>
      load({ url: `${serviceUrl}/api/auth/login`, method: 'POST', seconds, clients: logins }),
    peerSignIn: (seconds) =>
      load({ url: `${peerUrl}/api/auth/sign-in/email`, method: 'POST', seconds, clients: logins }),
    me: read(`${serviceUrl}/api/auth/me`, bearers(tokens.map(({ accessToken }) => accessToken))),
    bareMe: read(`${world.bareJwt.ready.url}/me`, bearers(world.bareJwt.ready.tokens)),
    identity: read(world.identity.hostUrl, bearers(world.identity.tokens)),
    bareIdentity: read(world.identity.bareUrl, bearers(world.identity.tokens)),
    peerSession: read(
      `${peerUrl}/api/auth/get-session`,
      cookies.map((cookie) => ({ cookie })),
    ),
    async refresh(seconds) {
      const fresh = await Promise.all(people.map(({ email }) => signIn(serviceUrl, email)))
      return load({
        url: `${serviceUrl}/api/auth/refresh`,
        method: 'POST',
        seconds,
        isChain: true,
        clients: fresh.map(({ refreshToken }) => ({ headers: json, body: JSON.stringify({ refreshToken }) })),
      })
    },
    events: (seconds) =>
      checkExactlyOnce(world.databases.ours, `firstlogin.inbound_events where result = 'processed'`, () =>
        loadEvents(`${serviceUrl}/api/sync/users/inbound`, seconds),
      ),
    bareEvents: (seconds) =>
      checkExactlyOnce(world.databases.bareEvents, 'events', () =>
        loadEvents(`${world.bareEvents.ready}/events`, seconds),
      ),
  }
  const wanted = measureNames.filter((name) => only?.includes(name) ?? true)
  for (const name of wanted) await measures[name](0.5)
  return wanted.map((name) => [name, measures[name]])
}

/** The floor has to be as good as the machine allows. */
async function findBestConcurrency(world: World): Promise<number> {
  let best = { concurrency: 1, perSecond: 0 }
  for (const concurrency of [1, 2, 3, 4, 8]) {
    const job: VerifyJob = { password, hash: world.hash, concurrency, seconds: 0.7 }
    const perSecond = await world.argon2.ask<number>(job)
    if (perSecond > best.perSecond) best = { concurrency, perSecond }
  }
  return best.concurrency
}
