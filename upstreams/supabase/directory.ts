import type { Calls } from '../calls.ts'
import type { Directory, UpstreamContext } from '../upstream.ts'
import { client, pageSize } from './client.ts'
import type { SupabaseEnv } from './env.ts'
import { toRead } from './mapping.ts'

/** Every user of the project; those whose deletion left a row behind are none. */
export function createDirectory({ call }: Calls, env: SupabaseEnv, { clock }: UpstreamContext): Directory {
  return {
    kinds: ['user'],
    async readPage(from) {
      const readAt = clock()
      const page = Number(from ?? 1)
      const accounts = await client.listUsers(page, call)
      const changes = accounts.flatMap((account) => toRead(account, env, readAt) ?? [])
      const next = accounts.length < pageSize ? undefined : `${page + 1}`
      return { changes, size: changes.length, next }
    },
    async findExisting(_kind, externalIds) {
      const found: string[] = []
      for (const id of externalIds) {
        const account = await client.findUser(id, call)
        if (account?.deleted_at === null) found.push(id)
      }
      return found
    },
  }
}
