import { type CanonicalEmail, toCanonicalEmail } from '../../domain/email.ts'
import type { Calls } from '../calls.ts'
import type { Lookup, UpstreamContext } from '../upstream.ts'
import type { Account } from './account.ts'
import { client, createTurns, pageSize } from './client.ts'
import type { SupabaseEnv } from './env.ts'
import { toRead } from './mapping.ts'

const deadlineMs = 10_000

/** Supabase finds nobody by an address: a filter gives whoever may be meant, and the address is compared here. */
export function createLookup(calls: Calls, env: SupabaseEnv, { gate, clock }: UpstreamContext): Lookup {
  return {
    batchSize: 1,
    async find(take) {
      const deadline = clock() + deadlineMs
      const pass = await gate.enter(deadlineMs)
      const question = take(pass)
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
    for (let page = 1; ; page += 1) {
      const accounts = await client.listUsers(page, ask, toFilter(email))
      found.push(...accounts.filter((account) => toCanonicalEmail(account.email) === email))
      if (accounts.length < pageSize) return found
    }
  }
}

/**
 * A LIKE that misses nobody. Whatever an address may be written in other ways upstream is left open: a domain's
 * ASCII form, letters beyond ASCII. A backslash would take the next character's meaning.
 */
function toFilter(email: CanonicalEmail): string {
  return email
    .replaceAll('\\', '_')
    .replace(/[^\x20-\x7e]+/g, '%')
    .replace(/xn--[a-z0-9-]+/g, '%')
}
