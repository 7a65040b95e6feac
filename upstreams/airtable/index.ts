import { toCanonicalEmail } from '../../domain/email.ts'
import { defineUpstream, type Question } from '../upstream.ts'
import { airtableLimits } from './calls.ts'
import { createAirtableClient } from './client.ts'
import { createDirectory, mostIds } from './directory.ts'
import { AirtableEnv } from './env.ts'
import { explainRefusal } from './explain.ts'
import { createFeed } from './feed.ts'
import { questionFormula } from './formula.ts'
import { toChanges } from './mapping.ts'
import { createWebhook } from './webhook.ts'

/** People as rows of an Airtable table. */
export default defineUpstream({
  name: 'airtable',
  env: AirtableEnv,
  settings: { address: 'AIRTABLE_API_URL', credentials: 'AIRTABLE_TOKEN' },
  explain: explainRefusal,
  limitsOf: () => airtableLimits,
  gateOf: (env) => env.AIRTABLE_BASE_ID,
  // Anyone who may edit the table can write any address; accounts elsewhere have verified theirs.
  beside: (env, isVerified) => ({
    ...env,
    AIRTABLE_EMAILS: env.AIRTABLE_EMAILS ?? (isVerified ? 'unverified' : 'verified'),
  }),
  webhookSecret: 'AIRTABLE_USER_SYNC_SECRET',
  create(env, context) {
    const client = createAirtableClient(
      {
        apiUrl: env.AIRTABLE_API_URL,
        token: env.AIRTABLE_TOKEN,
        baseId: env.AIRTABLE_BASE_ID,
        table: env.AIRTABLE_TABLE,
        columns: env.AIRTABLE_FIELDS,
      },
      context,
    )
    const columns = Object.values(env.AIRTABLE_FIELDS)
    const secrets = env.AIRTABLE_USER_SYNC_SECRET
    return {
      ...(secrets && { webhook: createWebhook(secrets, env, context) }),
      directory: createDirectory(client, env, context),
      feed: createFeed(client, env, context),
      lookup: {
        // Fewer than a page, so that a few twins do not cost a second call.
        batchSize: mostIds,
        async find(take) {
          let question: Question | undefined
          let readAt = 0
          const records = await client.listRecords(async (pass) => {
            question = await take(pass)
            readAt = context.clock()
            return (
              question && {
                filterByFormula: questionFormula(env.AIRTABLE_FIELDS.email, question),
                fields: columns,
              }
            )
          })
          const changes = records.flatMap((record) => toChanges(record, env, readAt, context.log))
          // The formula is only a sieve: the answer is compared here with what was asked.
          const emails = new Set<string | undefined>(question?.emails)
          const ids = new Set(question?.externalIds)
          const named = changes.filter(({ fields }) => emails.has(toCanonicalEmail(fields.email ?? '')))
          for (const { externalId } of named) ids.add(externalId)
          return changes.filter(({ externalId }) => ids.has(externalId))
        },
      },
    }
  },
})
