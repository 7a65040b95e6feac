import type { UserUpserted } from '../../domain/change.ts'
import { toCanonicalEmail } from '../../domain/email.ts'
import type { Lookup, Question, UpstreamContext } from '../upstream.ts'
import type { FronteggCalls } from './calls.ts'
import { toUserChange } from './mapping.ts'
import { isUserId, pageOfUsers, usersById } from './users.ts'

const deadlineMs = 10_000

/** By address one call each, by id one call for all. */
export function createLookup(calls: FronteggCalls, { gate, clock }: UpstreamContext): Lookup {
  return {
    batchSize: 5,
    async find(take) {
      const deadline = clock() + deadlineMs
      let pass = await gate.enter(deadlineMs)
      const question = await take(pass)
      const requests = question ? toRequests(question) : []
      const found = new Map<string, UserUpserted>()
      for (const [index, request] of requests.entries()) {
        if (index > 0) pass = await gate.enter(deadline - clock())
        const readAt = clock()
        const { items } = await calls.get(request, pass, deadline)
        for (const user of items) found.set(user.id, toUserChange(user, readAt))
      }
      const emails = new Set<string | undefined>(question?.emails)
      const ids = new Set(question?.externalIds)
      // The filter is only a sieve: the answer is compared here with what was asked.
      return [...found.values()].filter(({ externalId, fields }) => {
        const email = toCanonicalEmail(fields.email ?? '')
        return ids.has(externalId) || (email !== undefined && emails.has(email))
      })
    },
  }
}

function toRequests({ emails, externalIds }: Question) {
  const ids = externalIds.filter(isUserId)
  return [
    ...(ids.length > 0 ? [usersById(ids)] : []),
    ...emails.map((email) => pageOfUsers({ _email: email, _limit: '200' })),
  ]
}
