import { defineUpstream } from '../upstream.ts'
import { createSupabaseCalls } from './calls.ts'
import { createDirectory } from './directory.ts'
import { SupabaseEnv } from './env.ts'
import { createLookup } from './lookup.ts'
import { createSignUpHook } from './sign-up-hook.ts'
import { createWebhook } from './webhook.ts'

/** People as users of a Supabase project. */
export default defineUpstream({
  name: 'supabase',
  verifiesEmails: true,
  env: SupabaseEnv,
  settings: { address: 'SUPABASE_URL', credentials: 'SUPABASE_SECRET_KEY' },
  // None is documented for the administrator's calls: little enough for the project's own users not to feel it.
  limitsOf: () => ({ calls: 10, windowMs: 1000, pauseMs: 1000 }),
  gateOf: (env) => new URL(env.SUPABASE_URL).host,
  create(env, context) {
    const calls = createSupabaseCalls(env, context)
    const { SUPABASE_WEBHOOK_SECRET: secrets, SUPABASE_HOOK_SECRET: hookSecret } = env
    return {
      ...(secrets && { webhook: createWebhook(secrets, env, context) }),
      ...(hookSecret !== undefined && { signUpHook: createSignUpHook(hookSecret, env, context) }),
      lookup: createLookup(calls, env, context),
      directory: createDirectory(calls, env, context),
    }
  },
})
