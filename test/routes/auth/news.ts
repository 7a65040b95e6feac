import type { Sql } from 'postgres'
import { type AppliedChange, applyChanges } from '../../../db/apply.ts'
import type { PersonFields } from '../../../domain/change.ts'
import { defaultOwnership } from '../../../domain/ownership.ts'

const ada = { upstream: 'airtable', externalId: 'recAdaLovelace001' }
const rules = { ownership: defaultOwnership, createId: () => crypto.randomUUID() }

/** News of Ada from nowhere near the instances under test: they hear of it through the database alone. */
export async function tellOfAda(
  sql: Sql,
  fields: Partial<PersonFields> | 'deleted',
): Promise<AppliedChange[]> {
  const news = { ...ada, stamp: { at: Date.now() + 1000, event: 'evt' } }
  const change =
    fields === 'deleted'
      ? ({ ...news, type: 'user.deleted' } as const)
      : ({ ...news, type: 'user.upserted', created: false, fields } as const)
  return sql.begin((tx) => applyChanges(tx, [change], rules))
}
