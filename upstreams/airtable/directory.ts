import type { Directory, UnusableRecord, UpstreamContext } from '../upstream.ts'
import type { AirtableClient } from './client.ts'
import type { AirtableEnv } from './env.ts'
import { questionFormula } from './formula.ts'
import { toChanges } from './mapping.ts'

/** Of one question, so that a page holds all answers. */
export const mostIds = 90

/** Every record of the table. */
export function createDirectory(
  client: AirtableClient,
  env: AirtableEnv,
  context: UpstreamContext,
): Directory {
  return {
    kinds: ['user'],
    hasPasswordHashes: true,
    async readPage(from) {
      const readAt = context.clock()
      const page = await client.listPage({ fields: Object.values(env.AIRTABLE_FIELDS) }, from)
      if (page === 'expired') return page
      const unusable: UnusableRecord[] = []
      const changes = page.records.flatMap((record) =>
        toChanges(record, env, readAt, (level, event, details) => {
          context.log(level, event, details)
          unusable.push({ externalId: record.id, reason: event })
        }),
      )
      return { changes, size: page.records.length, unusable, next: page.offset }
    },
    async findExisting(_kind, externalIds) {
      const found: string[] = []
      const column = env.AIRTABLE_FIELDS.email
      for (let from = 0; from < externalIds.length; from += mostIds) {
        const asked = externalIds.slice(from, from + mostIds)
        const filterByFormula = questionFormula(column, { emails: [], externalIds: asked })
        const records = await client.listRecords(() => ({ filterByFormula, fields: [column] }))
        found.push(...records.map(({ id }) => id))
      }
      return found
    },
  }
}
