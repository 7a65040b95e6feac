import type { LoadJob, LoadResult } from './load.ts'
import type { VerifyJob } from './peers/argon2.ts'
import { password, people } from './people.ts'
import { credentials, json, signIn, signInAtPeer } from './sign-in.ts'
import type { World } from './world.ts'

/** Something that is done again and again for some seconds; its figure is how often a second. */
export type Measure = (seconds: number) => Promise<number>

export type MeasureName =
  | 'argon2Verify'
  | 'login'
  | 'peerSignIn'
  | 'me'
  | 'bareMe'
  | 'peerSession'
  | 'refresh'

/** All measures, warmed up. Everybody is signed in everywhere, which is also what brings them into Postgres. */
export async function prepareMeasures(world: World): Promise<Record<MeasureName, Measure>> {
  const serviceUrl = world.service.url
  const peerUrl = world.betterAuth.ready
  const tokens = await Promise.all(people.map(({ email }) => signIn(serviceUrl, email)))
  const cookies = await Promise.all(people.map(({ email }) => signInAtPeer(peerUrl, email)))
  const logins = people.map(({ email }) => ({ headers: json, body: credentials(email) }))
  const bearers = (tokens: string[]) =>
    tokens.map((token) => ({ headers: { authorization: `Bearer ${token}` } }))
  const concurrency = await findBestConcurrency(world)

  async function load(job: LoadJob): Promise<number> {
    return (await world.load.ask<LoadResult>(job)).perSecond
  }

  const measures: Record<MeasureName, Measure> = {
    argon2Verify: (seconds) =>
      world.argon2.ask({ password, hash: world.hash, concurrency, seconds } satisfies VerifyJob),
    login: (seconds) =>
      load({ url: `${serviceUrl}/api/auth/login`, method: 'POST', seconds, clients: logins }),
    peerSignIn: (seconds) =>
      load({ url: `${peerUrl}/api/auth/sign-in/email`, method: 'POST', seconds, clients: logins }),
    me: (seconds) =>
      load({
        url: `${serviceUrl}/api/auth/me`,
        method: 'GET',
        seconds,
        clients: bearers(tokens.map(({ accessToken }) => accessToken)),
      }),
    bareMe: (seconds) =>
      load({
        url: `${world.bareJwt.ready.url}/me`,
        method: 'GET',
        seconds,
        clients: bearers(world.bareJwt.ready.tokens),
      }),
    peerSession: (seconds) =>
      load({
        url: `${peerUrl}/api/auth/get-session`,
        method: 'GET',
        seconds,
        clients: cookies.map((cookie) => ({ headers: { cookie } })),
      }),
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
  }
  for (const measure of Object.values(measures)) await measure(0.5)
  return measures
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
