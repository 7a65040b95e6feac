import { request } from 'undici'
import { createClerkStandIn } from '../sandbox/clerk/stand-in.ts'
import { createFronteggStandIn } from '../sandbox/frontegg/stand-in.ts'
import { startChild } from './child.ts'
import { people } from './people.ts'

export const issuers = ['Clerk', 'Frontegg'] as const
export type Issuer = (typeof issuers)[number]

/** A host app that asks who its visitors are, its floor, and those who signed its visitors in. */
export interface IdentityWorld {
  /** Of the routes that answer the ids of a visitor and their organization. */
  hostUrl: string
  bareUrl: string
  /** Clerk's session tokens, one for each of the people. */
  tokens: string[]
  /** A token of somebody new in a new organization. */
  createStranger(issuer: Issuer): Promise<string>
  stop(): Promise<void>
}

/** The stand-ins for the issuers are in this process. */
export async function startIdentityWorld(database: string, execArgv: string[]): Promise<IdentityWorld> {
  const clerk = createClerkStandIn({ secretKey: 'sk_test_bench' })
  const frontegg = createFronteggStandIn()
  const [clerkUrl, fronteggUrl] = await Promise.all([clerk.listen(), frontegg.listen()])
  const host = await startChild<string>(
    'host',
    {
      DATABASE_URL: database,
      FIRSTLOGIN_SECRET: 'a secret for measurements of 32 bytes or more',
      UPSTREAMS: 'clerk,frontegg',
      CLERK_SECRET_KEY: 'sk_test_bench',
      CLERK_ISSUER: clerkUrl,
      CLERK_API_URL: clerkUrl,
      FRONTEGG_CLIENT_ID: frontegg.clientId,
      FRONTEGG_API_KEY: frontegg.apiKey,
      FRONTEGG_ISSUER: fronteggUrl,
      FRONTEGG_API_URL: fronteggUrl,
    },
    execArgv,
  )
  const bare = await startChild<string>('peers/bare-session', {
    KEYS_URL: `${clerkUrl}/.well-known/jwks.json`,
  })
  let created = 0

  async function createStranger(issuer: Issuer): Promise<string> {
    created += 1
    const [name, email] = [`Stranger ${created}`, `stranger-${created}@example.com`]
    if (issuer === 'Frontegg') {
      const user = frontegg.users.put({ name, email })
      const { tenantId } = frontegg.tenants.put({ name: `Tenant ${created}` })
      frontegg.memberships.put({ userId: user.id, tenantId })
      return frontegg.accessToken({ userId: user.id, tenantId })
    }
    const { id: userId } = clerk.users.put({ id: `user_2Stranger${created}`, first_name: name, email })
    const { id: organizationId } = clerk.organizations.put({ id: `org_2Strangers${created}` })
    clerk.memberships.put({ organization: organizationId, user: userId })
    // Real ones last a minute, which is less than a run.
    const exp = Math.floor(Date.now() / 1000) + 86_400
    return clerk.sessionToken({ userId, organizationId, claims: { exp } })
  }

  const hostUrl = `${host.ready}/ids`
  const tokens = await Promise.all(people.map(() => createStranger('Clerk')))
  // The names that their tokens do not tell are written a second later, long before anything is measured.
  for (const token of tokens) await askWho(hostUrl, token)

  return {
    hostUrl,
    bareUrl: `${bare.ready}/ids`,
    tokens,
    createStranger,
    async stop() {
      await Promise.all([host.stop(), bare.stop()])
      await Promise.all([clerk.close(), frontegg.close()])
    },
  }
}

/** The ids that the host app answers to a token. */
export async function askWho(url: string, token: string): Promise<string[]> {
  const answer = await request(url, { headers: { authorization: `Bearer ${token}` } })
  const body: unknown = await answer.body.json()
  if (answer.statusCode !== 200) throw new Error(`Nobody was recognised: ${JSON.stringify(body)}`)
  return body as string[]
}
