import { randomUUID } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { refusal } from './words.ts'

export interface VendorTokens {
  /** Throws 401 for any but the environment's own two. */
  issue(body: unknown): { token: string; expiresIn: number }
  /** Throws 401 for a call to the API without a living token; as SDKs send it, or as a bearer. */
  admit(request: FastifyRequest): void
  /** None that was issued until now is good for anything. */
  revoke(): void
}

export function createVendorTokens(
  { clientId, apiKey, expiresInS }: { clientId: string; apiKey: string; expiresInS: number },
  clock: () => number,
): VendorTokens {
  const expiries = new Map<string, number>()
  const open = ['/auth/vendor', '/.well-known/jwks.json']
  return {
    issue(body) {
      const { clientId: id, secret } = (body ?? {}) as { clientId?: unknown; secret?: unknown }
      if (id !== clientId || secret !== apiKey) throw refusal(401, 'Invalid authentication')
      const token = `vendor-${randomUUID()}`
      expiries.set(token, clock() + expiresInS * 1000)
      return { token, expiresIn: expiresInS }
    },
    admit({ url, headers }) {
      if (open.includes(url.split('?', 1)[0] ?? '')) return
      const given = headers['x-access-token'] ?? headers.authorization?.replace(/^Bearer /, '')
      if (typeof given !== 'string' || !((expiries.get(given) ?? 0) > clock()))
        throw refusal(401, 'Unauthorized')
    },
    revoke: () => expiries.clear(),
  }
}
