import { randomUUID } from 'node:crypto'
import { createStandardKey } from '../../domain/signature/keys.ts'
import { signStandard } from '../../domain/signature/standard.ts'
import { toApiUser } from './api-user.ts'
import type { Posted } from './database-webhook.ts'
import { GoTrueError, unexpected } from './errors.ts'
import type { Row } from './row.ts'

export type HookName = 'before-user-created' | 'after-user-created'

export interface HookCall extends Posted {
  /** The next attempt at the same call: another webhook-id, the same body. */
  retry(): HookCall
}

/** One call of an auth hook. `secrets` as Supabase shows them: `v1,whsec_...`, several joined by `|`. */
export function toHookCall(name: HookName, user: Row, secrets: string, clock: () => number): HookCall {
  const body = JSON.stringify({
    metadata: {
      uuid: randomUUID(),
      time: new Date(clock()).toISOString(),
      name,
      ip_address: '203.0.113.7',
    },
    user: toHookUser(name, user),
  })
  const keys = secrets.split('|').map((secret) => createStandardKey(secret.replace(/^v1,/, '')))

  function attempt(): HookCall {
    const id = randomUUID()
    const signed = keys.map((key) => signStandard(Buffer.from(body), key, { id, at: clock() }))
    const signature = signed.map((headers) => headers['webhook-signature']).join(', ')
    const headers = { 'content-type': 'application/json', ...signed[0], 'webhook-signature': signature }
    return { headers, body, retry: attempt }
  }
  return attempt()
}

/** Before a user is there its times are Go's zero, and it has neither a role nor identities. */
function toHookUser(name: HookName, row: Row): object {
  const user = toApiUser(row)
  if (name === 'after-user-created') return user
  const zero = '0001-01-01T00:00:00Z'
  return { ...user, role: '', identities: [], created_at: zero, updated_at: zero }
}

/** Asks the hook, and throws what whoever wants to sign up is told when it says no, or says anything else than yes. */
export async function askHook(url: string, call: HookCall): Promise<void> {
  const request = {
    method: 'POST',
    headers: call.headers,
    body: call.body,
    signal: AbortSignal.timeout(5000),
  }
  const response = await fetch(url, request).catch(() => {
    throw new GoTrueError(422, 'hook_timeout', 'Failed to reach hook within maximum time of 5.000000 seconds')
  })
  const text = await response.text()
  if (response.status === 204) return
  if (response.status !== 200 && response.status !== 202)
    throw unexpected(`Unexpected status code returned from hook: ${response.status}`)
  const type = response.headers.get('content-type') ?? ''
  if (type.split(';')[0] !== 'application/json')
    throw new GoTrueError(
      400,
      'hook_payload_invalid_content_type',
      `Invalid JSON response. Received content-type: ${type}`,
    )
  const { error } = JSON.parse(text) as { error?: { http_code?: number; message?: string } }
  if (error?.message) throw new GoTrueError(error.http_code ?? 500, 'unknown', error.message)
}
