import { defineUpstream } from '../upstream.ts'
import { createClerkCalls } from './calls.ts'
import { createClaims } from './claims.ts'
import { createDirectory } from './directory.ts'
import { ClerkEnv } from './env.ts'
import { createLookup } from './lookup.ts'
import { createOrganizations } from './organizations.ts'
import { createWebhook } from './webhook.ts'

/** People and organizations of a Clerk instance, and the sessions that it issues. */
export default defineUpstream({
  name: 'clerk',
  verifiesEmails: true,
  env: ClerkEnv,
  settings: { address: 'CLERK_API_URL', credentials: 'CLERK_SECRET_KEY' },
  // Clerk allows a development instance ten calls a second; two are left to the others.
  limitsOf: ({ CLERK_SECRET_KEY }) => ({
    calls: CLERK_SECRET_KEY.startsWith('sk_live_') ? 80 : 8,
    windowMs: 1000,
    pauseMs: 1000,
  }),
  gateOf: (env) => env.CLERK_INSTANCE_ID ?? env.CLERK_ISSUER,
  create(env, context) {
    const calls = createClerkCalls(env, context)
    const secrets = env.CLERK_WEBHOOK_SECRET
    return {
      ...(secrets && { webhook: createWebhook(secrets, env, context) }),
      claims: createClaims(env),
      directory: createDirectory(calls, env, context),
      lookup: createLookup(calls, context),
      organizations: createOrganizations(calls, context),
    }
  },
})
