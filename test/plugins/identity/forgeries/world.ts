import { randomBytes, randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance, type LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import { loadConfig } from '../../../../config.ts'
import db from '../../../../plugins/db.ts'
import http from '../../../../plugins/http.ts'
import identity from '../../../../plugins/identity.ts'
import keys from '../../../../plugins/keys.ts'
import metrics from '../../../../plugins/metrics.ts'
import notices from '../../../../plugins/notices.ts'
import problems from '../../../../plugins/problems.ts'
import provisioner from '../../../../plugins/provisioner.ts'
import readThrough from '../../../../plugins/read-through.ts'
import sessions from '../../../../plugins/sessions.ts'
import tokens from '../../../../plugins/tokens.ts'
import upstreams from '../../../../plugins/upstreams.ts'
import { type ClerkStandIn, createClerkStandIn } from '../../../../sandbox/clerk/stand-in.ts'
import { createFronteggStandIn, type FronteggStandIn } from '../../../../sandbox/frontegg/stand-in.ts'
import { createIdentityWorld, type IdentityWorld } from '../../../support/identity-host.ts'

export const ourIssuer = 'https://login.example.com'
/** The one that the stand-in for Clerk names in its tokens. */
export const party = 'http://localhost:3000'

/** How a request says who it is. */
export interface Ask {
  token: string
  url?: string
  headers?: Record<string, string>
}

export interface Host {
  app: FastifyInstance
  /** Every line as it was written. */
  logText(): string
  ask(ask: Ask): Promise<LightMyRequestResponse>
}

export interface ForgeryWorld extends IdentityWorld {
  /** Accepts our own tokens, Clerk's and Frontegg's. */
  host: Host
  /** The same, with CLERK_AUTHORIZED_PARTIES. */
  parties: Host
  /** One more instance of the first one. */
  twin: Host
  /** Another instance of Clerk's, and another environment of Frontegg's. */
  foreign: { clerk: ClerkStandIn; frontegg: FronteggStandIn }
  jwks: Record<'clerk' | 'frontegg', Record<string, string>>
  /** Somebody who signs in here, and where they belong. */
  person: { userId: string; organizationId: string }
  /** Of somebody else's, and one that is no more. */
  otherOrganizationId: string
  deletedOrganizationId: string
  /** Where the attacker publishes a key set, and who has asked for it. */
  trap: { url: string; calls: string[] }
}

export async function createForgeryWorld(t: Test, attackersKeys: object): Promise<ForgeryWorld> {
  const world = await createIdentityWorld(t)
  const foreign = {
    clerk: createClerkStandIn({
      secretKey: 'sk_test_development',
      instanceId: 'ins_2DevelopmentInstance0000',
    }),
    frontegg: createFronteggStandIn({ clientId: world.frontegg.clientId }),
  }
  await Promise.all([foreign.clerk.listen(), foreign.frontegg.listen()])
  t.teardown(() => Promise.all([foreign.clerk.close(), foreign.frontegg.close()]))
  const [host, parties, twin] = await Promise.all([
    startHost(t, world),
    startHost(t, world, { CLERK_AUTHORIZED_PARTIES: party }),
    startHost(t, world),
  ])
  const [clerkKey, fronteggKey] = await Promise.all(
    [world.clerk.issuer, world.frontegg.issuer].map(async (issuer) => {
      const answer = await fetch(`${issuer}/.well-known/jwks.json`)
      return ((await answer.json()) as { keys: Record<string, string>[] }).keys[0] ?? {}
    }),
  )
  return {
    ...world,
    host,
    parties,
    twin,
    foreign,
    jwks: { clerk: clerkKey ?? {}, frontegg: fronteggKey ?? {} },
    ...(await settle(world, host)),
    trap: await startTrap(t, attackersKeys),
  }
}

async function startHost(t: Test, world: IdentityWorld, own: Record<string, string> = {}): Promise<Host> {
  const config = loadConfig(world.env(own))
  const secret = config.FIRSTLOGIN_SECRET
  const lines: string[] = []
  const app: FastifyInstance = Fastify({
    logger: { level: 'trace', stream: { write: (line: string) => void lines.push(line) } },
    // Whether the addresses of requests are logged is for the host to say.
    disableRequestLogging: true,
  })
  t.teardown(() => app.close())
  await app.register(problems)
  await app.register(db, { database: world.url })
  await app.register(notices)
  await app.register(metrics)
  await app.register(http)
  await app.register(provisioner, { ownership: config.ownership })
  await app.register(upstreams, { upstreams: config.upstreams })
  await app.register(readThrough, { enabled: true, deadlineMs: 2000, negativeTtlS: 60, recheckS: 0 })
  await app.register(sessions)
  await app.register(keys, { secret })
  await app.register(tokens, { secret, issuer: ourIssuer, accessTtlS: 900, refreshTtlS: 3600, graceS: 10 })
  await app.register(identity)
  app.get('/who', { preHandler: app.identity.authenticate }, async ({ identity }) => identity)
  await app.ready()
  return {
    app,
    logText: () => lines.join(''),
    ask: ({ token, url = '/who', headers = { authorization: `Bearer ${token}` } }) =>
      app.inject({ method: 'GET', url, headers }),
  }
}

/** Somebody who belongs to one organization, has left a second one that was deleted, and never saw a third. */
async function settle({ clerk }: IdentityWorld, { app, ask }: Host) {
  const userId = newClerkId('user')
  const gone = newClerkId('org')
  const visit = async (user: string, organization: string) => {
    const token = await clerk.sessionToken({ userId: user, organizationId: organization })
    return (await ask({ token })).json<{ userId: string; organizationId: string }>()
  }
  const { organizationId: deletedOrganizationId } = await visit(userId, gone)
  const person = await visit(userId, newClerkId('org'))
  const { organizationId: otherOrganizationId } = await visit(newClerkId('user'), newClerkId('org'))
  const stamp = { at: Date.now(), event: 'deleted by a test' }
  await app.provisioner.apply([{ type: 'organization.deleted', upstream: 'clerk', externalId: gone, stamp }])
  return { person, otherOrganizationId, deletedOrganizationId }
}

async function startTrap(t: Test, keySet: object): Promise<ForgeryWorld['trap']> {
  const calls: string[] = []
  const server = createServer((request, response) => {
    calls.push(request.url ?? '')
    response.setHeader('content-type', 'application/json').end(JSON.stringify(keySet))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => new Promise((resolve) => server.close(resolve)))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls }
}

export function newClerkId(prefix: string): string {
  return `${prefix}_2${randomBytes(12).toString('hex')}`
}

export const newFronteggId = randomUUID
