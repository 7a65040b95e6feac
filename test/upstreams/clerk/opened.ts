import type { Test } from 'tap'
import { Value } from 'typebox/value'
import { createMemoryGate } from '../../../domain/gate.ts'
import { createHttp } from '../../../plugins/http.ts'
import { type ClerkStandInOptions, createClerkStandIn } from '../../../sandbox/clerk/stand-in.ts'
import { ClerkEnv } from '../../../upstreams/clerk/env.ts'
import clerk from '../../../upstreams/clerk/index.ts'
import type { Http, UpstreamContext } from '../../../upstreams/upstream.ts'

export const secretKey = 'sk_test_opened'
export const webhookSecret = `whsec_${Buffer.from('a key of 24 bytes, maybe').toString('base64')}`
export const issuer = 'https://clerk.example.com'
export const organizationId = 'org_2AnalyticalEngines00000000'

export interface Options {
  env?: Partial<ClerkEnv>
  http?: Http
  clock?: () => number
}

/** Clerk's capabilities by hand, without anything else of the house. */
export function createClerk({ env: given = {}, http = unreachable, clock = Date.now }: Options = {}) {
  const logged: { event: string; [detail: string]: unknown }[] = []
  const context: UpstreamContext = {
    http,
    gate: createMemoryGate({ calls: 1000, windowMs: 1000, pauseMs: 1 }),
    log: (_, event, details) => void logged.push({ event, ...details }),
    clock,
    slowMs: 5000,
  }
  const required = { CLERK_SECRET_KEY: secretKey, CLERK_ISSUER: issuer }
  const env = Value.Parse(ClerkEnv, Value.Default(ClerkEnv, { ...required, ...given }))
  const { webhook, claims, directory, lookup, organizations } = clerk.create(env, context)
  if (!claims || !directory || !lookup || !organizations) throw new Error('Clerk lacks a capability.')
  return { env, context, logged, webhook, claims, directory, lookup, organizations }
}

/** The same beside a stand-in that it calls over real connections. */
export async function openClerk(
  t: Test,
  { env, http, ...options }: Options & Partial<ClerkStandInOptions> = {},
) {
  const standIn = createClerkStandIn({ secretKey, ...options })
  const apiUrl = await standIn.listen()
  const pool = createHttp()
  t.teardown(async () => {
    await pool.close()
    await standIn.close()
  })
  const own = { CLERK_API_URL: apiUrl, CLERK_ISSUER: apiUrl, ...env }
  return {
    standIn,
    apiUrl,
    ...createClerk({ http: http ?? pool.http, env: own, clock: options.clock ?? Date.now }),
  }
}

async function unreachable(): Promise<never> {
  throw new Error('Nobody should be called.')
}
