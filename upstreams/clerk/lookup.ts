import type { UserUpserted } from '../../domain/change.ts'
import { toCanonicalEmail } from '../../domain/email.ts'
import type { Calls } from '../calls.ts'
import type { Lookup, UpstreamContext } from '../upstream.ts'
import { isAskable } from './ids.ts'
import { toReading, toUserChange } from './mapping.ts'
import { pageSize, usersBy } from './requests.ts'

/** For all the calls of one question. */
const deadlineMs = 10_000

/** People by their primary address, or by their id. */
export function createLookup({ send }: Calls, { gate, clock }: UpstreamContext): Lookup {
  return {
    batchSize: pageSize,
    async find(take) {
      const deadline = clock() + deadlineMs
      let pass = await gate.enter(deadlineMs)
      const question = await take(pass)
      if (!question) return []
      const requests = [
        ...usersBy('email_address', question.emails),
        ...usersBy('user_id', question.externalIds.filter(isAskable)),
      ]
      const found = new Map<string, UserUpserted>()
      for (const [index, request] of requests.entries()) {
        if (index > 0) pass = await gate.enter(deadline - clock())
        const telling = toReading(clock())
        for (const user of await send(request, pass, deadline))
          found.set(user.id, toUserChange(user, telling))
      }
      // Clerk also finds people by an address that is not their primary one, and compares in its own way.
      const emails = new Set<string | undefined>(question.emails)
      const ids = new Set(question.externalIds)
      return [...found.values()].filter(({ externalId, fields }) => {
        const email = toCanonicalEmail(fields.email ?? '')
        return ids.has(externalId) || (email !== undefined && emails.has(email))
      })
    },
  }
}
