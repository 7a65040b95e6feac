import { LRUCache } from 'lru-cache'
import type { Change } from '../../domain/change.ts'
import { type BackgroundBatches, createBackgroundBatches } from '../background/batches.ts'
import type { ConnectedUpstream } from '../upstreams.ts'

export interface NamesOptions {
  upstream: ConnectedUpstream
  settle: (found: Change[]) => Promise<unknown>
  onError: (error: unknown) => void
}

/** Fetches behind the answer what tokens do not tell. */
export interface Names {
  ofUser(externalId: string): void
  ofOrganization(externalId: string): void
  close(): void
}

/** Whoever has no name upstream either is not asked for again before this. */
const memory = { max: 50_000, ttl: 600_000 }
const pauseMs = 1_000

export function createNames({ upstream, settle, onError }: NamesOptions): Names {
  const { lookup, organizations } = upstream
  const asked = new LRUCache<string, true>(memory)

  const users =
    lookup &&
    createBackgroundBatches({
      batchSize: lookup.batchSize,
      pauseMs,
      onError,
      async work(externalIds) {
        await settle(await lookup.find(() => ({ emails: [], externalIds })))
        return true
      },
    })
  const tenants =
    organizations &&
    createBackgroundBatches({
      batchSize: organizations.batchSize,
      pauseMs,
      onError,
      async work(externalIds) {
        await settle(await organizations.find(externalIds))
        return true
      },
    })

  function addOnce(kind: string, batches: BackgroundBatches | undefined, id: string): void {
    const key = `${kind} ${id}`
    if (!batches || asked.has(key)) return
    asked.set(key, true)
    batches.add(id)
  }

  return {
    ofUser: (id) => addOnce('user', users, id),
    ofOrganization: (id) => addOnce('organization', tenants, id),
    close() {
      users?.close()
      tenants?.close()
    },
  }
}
