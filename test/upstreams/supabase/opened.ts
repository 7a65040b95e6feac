import { readFile } from 'node:fs/promises'
import type { Test } from 'tap'
import { createMemoryGate } from '../../../domain/gate.ts'
import { createHttp } from '../../../plugins/http.ts'
import { createSupabaseStandIn, type SupabaseStandInOptions } from '../../../sandbox/supabase/stand-in.ts'
import type { SupabaseEnv } from '../../../upstreams/supabase/env.ts'
import supabase from '../../../upstreams/supabase/index.ts'
import type { UpstreamContext, WebhookEvent } from '../../../upstreams/upstream.ts'

export const now = Date.parse('2026-09-02T12:00:00.000Z')
export const webhookSecret = 'a-secret-of-the-trigger-0001'
export const hookSecret = 'v1,whsec_YS1maXJzdC1zZWNyZXQtb2YtMzItYnl0ZXMtb3Igc28='

/** The upstream with all its settings, and what it logs. */
export function createUpstream(env: Partial<SupabaseEnv> = {}, given: Partial<UpstreamContext> = {}) {
  const logged: { event: string; reason?: unknown; record?: unknown }[] = []
  const context: UpstreamContext = {
    http: async () => Promise.reject(new Error('Nobody is called here.')),
    gate: createMemoryGate({ calls: 1000, windowMs: 1000, pauseMs: 50 }),
    log: (_, event, details) => void logged.push({ event, ...details }),
    clock: () => now,
    slowMs: 5000,
    ...given,
  }
  const settings: SupabaseEnv = {
    SUPABASE_URL: 'https://project.supabase.co',
    SUPABASE_SECRET_KEY: 'sb_secret_test',
    SUPABASE_WEBHOOK_SECRET: [webhookSecret],
    SUPABASE_HOOK_SECRET: hookSecret,
    SUPABASE_SIGNUPS: 'anyone',
    SUPABASE_ROLE_MAP: {},
    ...env,
  }
  const { webhook, signUpHook, lookup, directory } = supabase.create(settings, context)
  if (!webhook || !signUpHook || !lookup || !directory) throw new Error('A capability is missing.')
  const read = (body: unknown) => webhook.read(body, { dialect: 'bearer' }) as WebhookEvent
  return { webhook, signUpHook, lookup, directory, logged, context, read }
}

/** A stand-in that listens, and the upstream that calls it. */
export async function openUpstream(
  t: Test,
  { key, ...options }: SupabaseStandInOptions & { key?: 'legacy' } = {},
  env: Partial<SupabaseEnv> = {},
) {
  const standIn = createSupabaseStandIn(options)
  const url = await standIn.listen()
  const pool = createHttp()
  t.teardown(async () => {
    await pool.close()
    await standIn.close()
  })
  const called = createUpstream(
    {
      SUPABASE_URL: url,
      SUPABASE_SECRET_KEY: key === 'legacy' ? standIn.serviceRoleKey : standIn.secretKey,
      ...env,
    },
    { http: pool.http, clock: options.clock ?? Date.now },
  )
  return { standIn, url, ...called }
}

export interface Body {
  type: string
  schema: string
  table: string
  record: Record<string, unknown> | null
  old_record: Record<string, unknown> | null
}

/** A new copy of a fixture every time. */
export async function readFixture<T = Body>(name: string): Promise<T> {
  const text = await readFile(new URL(`../../fixtures/supabase/${name}.json`, import.meta.url), 'utf8')
  return JSON.parse(text) as T
}
