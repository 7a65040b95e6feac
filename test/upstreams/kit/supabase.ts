import type { Test } from 'tap'
import { createStandardKey } from '../../../domain/signature/keys.ts'
import { signStandard } from '../../../domain/signature/standard.ts'
import { createSupabaseStandIn } from '../../../sandbox/supabase/stand-in.ts'
import type { Subject } from '../../../upstreams/kit/index.ts'
import supabase from '../../../upstreams/supabase/index.ts'
import { fixturesOf, settingsOf, standUp } from './stood.ts'

const webhookSecret = 'a-secret-of-the-trigger-0001'
const hookSecret = 'whsec_YS1maXJzdC1zZWNyZXQtb2YtMzItYnl0ZXMtb3Igc28='
const row = (number: number) => `0a5f0c5e-6f0e-4b0c-9d3b-0f5d9a1c000${number}`
const ada = '8d0fd2b3-9ca7-4d9e-a95f-9e13dded323e'

const told: Record<string, string[]> = {
  'users-ban': [`user.upserted ${ada}`],
  'users-delete': ['user.deleted 19c6c1b7-c99c-4517-a504-b8ec77ab5663'],
  'users-insert': ['user.upserted 19c6c1b7-c99c-4517-a504-b8ec77ab5663'],
  'users-sign-in': [],
  'users-soft-delete': [`user.deleted ${ada}`],
  'users-update': [`user.upserted ${ada}`],
}

function post(name: string, body: string, secret = webhookSecret) {
  return { name, body, headers: { authorization: `Bearer ${secret}` } }
}

function signHook(name: string, body: string, { secret = hookSecret, at = Date.now() } = {}) {
  const key = createStandardKey(secret)
  return { name, body, headers: signStandard(Buffer.from(body), key, { id: 'msg_1', at }) }
}

export async function openSupabase(t: Test): Promise<Subject> {
  const standIn = createSupabaseStandIn()
  const { apiUrl, ...stood } = await standUp(t, standIn)
  const fixtures = fixturesOf('supabase')
  const [[, hook] = ['', '{}']] = fixtures.filter(([name]) => name === 'before-user-created')
  const { user } = JSON.parse(hook) as { user: { email: string } }
  // A row that is deleted has no time of its own: when its event arrives is part of its id.
  const openedAt = Date.now()
  return {
    ...stood,
    clock: () => openedAt,
    definition: supabase,
    settings: settingsOf(supabase, {
      SUPABASE_URL: apiUrl,
      SUPABASE_SECRET_KEY: standIn.secretKey,
      SUPABASE_WEBHOOK_SECRET: [webhookSecret],
      SUPABASE_HOOK_SECRET: `v1,${hookSecret}`,
    }),
    secrets: [standIn.secretKey, webhookSecret, hookSecret],
    people: [
      { id: row(1), email: 'ada@example.com', word: 'Ada Lovelace' },
      { id: row(2), email: 'grace@example.com' },
      { id: row(3), email: 'katherine@example.com' },
    ],
    stranger: { id: row(9), email: 'nobody@example.com' },
    webhook: {
      samples: fixtures
        .filter(([name]) => name.startsWith('users-'))
        .map(([name, body]) => ({ ...post(name, body), tells: told[name] ?? ['?'] })),
      forged: [post('by another secret', '{}', 'another-secret-of-the-trigger')],
      proof: ['authorization'],
      isBodyUnproved: true,
    },
    signUpHook: {
      samples: [{ ...signHook('somebody who signs up', hook), email: user.email }],
      forged: [
        signHook('by another secret', hook, { secret: `whsec_${Buffer.alloc(32, 7).toString('base64')}` }),
        signHook('of yesterday', hook, { at: Date.now() - 86_400_000 }),
      ],
      proof: ['webhook-id', 'webhook-timestamp', 'webhook-signature'],
    },
  }
}
