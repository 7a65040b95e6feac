import { LRUCache } from 'lru-cache'
import type { Identity } from '../identity.ts'

export interface Kept {
  identity: Identity
  /** Milliseconds since 1970. */
  expiresAt: number
  /** When the person's last login was moved, or was seen not to need it. Milliseconds since 1970. */
  touchedAt: number
}

/** Who a token belongs to, for as long as nothing is heard of the person or the organization. */
export interface IdentityCache {
  get(token: string): Kept | undefined
  /** A moment before something is read that may be kept. */
  now(): number
  /** Keeps what was read since a moment, unless something was heard of it in between. */
  set(token: string, kept: Kept, since: number): void
  forgetUser(id: string): void
  forgetOrganization(id: string): void
  clear(): void
}

/** Should no notice come. */
const longestMs = 30_000

export function createIdentityCache(max = 20_000): IdentityCache {
  /** Tokens by what they depend on, so that one notice ends all of them. */
  const byName = new Map<string, Set<string>>()
  const kept = new LRUCache<string, Kept>({
    max,
    ttl: longestMs,
    dispose: ({ identity }, token) => unlink(identity, token),
  })

  /** Of whom was heard lately, and when; what was forgotten of that may concern anybody. */
  let moment = 0
  let forgottenUntil = 0
  const heard = new LRUCache<string, number>({
    max: 10_000,
    dispose: (at, _name, reason) => {
      if (reason === 'evict') forgottenUntil = Math.max(forgottenUntil, at)
    },
  })

  function namesOf({ userId, organizationId }: Identity): string[] {
    return organizationId === null ? [`user ${userId}`] : [`user ${userId}`, `organization ${organizationId}`]
  }

  function unlink(identity: Identity, token: string): void {
    for (const name of namesOf(identity)) {
      const tokens = byName.get(name)
      tokens?.delete(token)
      if (tokens?.size === 0) byName.delete(name)
    }
  }

  function forget(name: string): void {
    heard.set(name, ++moment)
    for (const token of byName.get(name) ?? []) kept.delete(token)
  }

  return {
    get: (token) => kept.get(token),
    now: () => moment,
    set(token, one, since) {
      const isOld =
        forgottenUntil > since || namesOf(one.identity).some((name) => (heard.get(name) ?? 0) > since)
      if (isOld) return
      kept.set(token, one)
      for (const name of namesOf(one.identity)) byName.set(name, (byName.get(name) ?? new Set()).add(token))
    },
    forgetUser: (id) => forget(`user ${id}`),
    forgetOrganization: (id) => forget(`organization ${id}`),
    clear() {
      forgottenUntil = ++moment
      kept.clear()
    },
  }
}
