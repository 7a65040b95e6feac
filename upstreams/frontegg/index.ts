import { defineUpstream } from '../upstream.ts'
import { createFronteggCalls } from './calls.ts'
import { createClaims } from './claims.ts'
import { createDirectory } from './directory.ts'
import { FronteggEnv } from './env.ts'
import { createLookup } from './lookup.ts'
import { createOrganizations } from './organizations.ts'
import { createWebhook } from './webhook.ts'

/** A few seconds' worth of calls may start at once. */
function limitsPerMinute(perMinute: number) {
  const calls = Math.min(50, Math.max(1, Math.floor(perMinute / 12)))
  return { calls, windowMs: (60_000 * calls) / perMinute }
}

/** People and tenants of a Frontegg environment. */
export default defineUpstream({
  name: 'frontegg',
  verifiesEmails: true,
  env: FronteggEnv,
  settings: { address: 'FRONTEGG_API_URL', credentials: 'FRONTEGG_API_KEY' },
  limitsOf: (env) => ({ ...limitsPerMinute(env.FRONTEGG_CALLS_PER_MINUTE), pauseMs: 1000 }),
  gateOf: (env) => env.FRONTEGG_CLIENT_ID,
  create(env, context) {
    const calls = createFronteggCalls(env, context)
    const secrets = env.FRONTEGG_WEBHOOK_SECRET
    return {
      ...(secrets && { webhook: createWebhook(secrets, calls, env, context) }),
      claims: createClaims(env),
      lookup: createLookup(calls, context),
      organizations: createOrganizations(calls, context),
      directory: createDirectory(calls, env, context),
    }
  },
})
