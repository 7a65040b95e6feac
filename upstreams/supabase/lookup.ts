import { type CanonicalEmail, toCanonicalEmail } from '../../domain/email.ts'
import { FirstloginError } from '../../errors.ts'
import type { Calls } from '../calls.ts'
import type { Lookup, UpstreamContext } from '../upstream.ts'
import type { Account } from './account.ts'
import { client, createTurns, pageSize } from './client.ts'
import type { SupabaseEnv } from './env.ts'
import { toRead } from './mapping.ts'

const deadlineMs = 10_000
/** Anybody may ask for any address: one that fits more users than these is not looked for any further. */
const mostPages = 5

/** Supabase finds nobody by an address: a filter gives whoever may be meant, and the address is compared here. */
export function createLookup(calls: Calls, env: SupabaseEnv, { gate, clock, log }: UpstreamContext): Lookup {
  return {
    batchSize: 1,
    async find(take) {
      const deadline = clock() + deadlineMs
      const pass = await gate.enter(deadlineMs)
      const question = await take(pass)
      if (!question) return []
      const readAt = clock()
      const ask = createTurns({ send: calls.send, enter: (ms) => gate.enter(ms) }, pass, deadline, clock)
      const found: Account[] = []
      for (const id of question.externalIds) {
        const account = await client.findUser(id, ask)
        if (account) found.push(account)
      }
      for (const email of question.emails) found.push(...(await findByEmail(email, ask)))
      return found.flatMap((account) => toRead(account, env, readAt) ?? [])
    },
  }

  async function findByEmail(email: CanonicalEmail, ask: Calls['call']): Promise<Account[]> {
    const found: Account[] = []
    for (let page = 1; page <= mostPages; page += 1) {
      const accounts = await client.listUsers(page, ask, toFilter(email))
      found.push(...accounts.filter((account) => toCanonicalEmail(account.email) === email))
      if (accounts.length < pageSize) return found
    }
    log('warn', 'lookup.too_many', { upstream: 'supabase', pages: mostPages })
    throw new FirstloginError('FL_UPSTREAM_UNAVAILABLE', { retryAfterS: 60 })
  }
}

/**
 * A LIKE that misses nobody. Whatever an address may be written in other ways upstream is left open: a domain's
 * ASCII form, letters beyond ASCII. A backslash would take the next character's meaning, and a percent sign would fit
 * any text: both are written as any one character.
 */
function toFilter(email: CanonicalEmail): string {
  return email
    .replace(/[\\%]/g, '_')
    .replace(/[^\x20-\x7e]+/g, '%')
    .replace(/xn--[a-z0-9-]+/g, '%')
}
