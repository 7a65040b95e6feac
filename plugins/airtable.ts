import fp from 'fastify-plugin'
import { canonicalEmail, toCanonicalEmail } from '../domain/email.ts'
import { createMemoryGate, type Gate } from '../domain/gate.ts'
import type { AirtableRecord } from '../upstreams/airtable/answers.ts'
import { airtableLimits } from '../upstreams/airtable/calls.ts'
import { type AirtableClient, createAirtableClient } from '../upstreams/airtable/client.ts'
import { questionFormula } from '../upstreams/airtable/formula.ts'
import type { Http } from '../upstreams/upstream.ts'
import { createHttp } from './http.ts'
import { toUpstreamLog } from './upstreams.ts'

declare module 'fastify' {
  interface FastifyInstance {
    airtable: Airtable
  }
}

export interface Airtable extends AirtableClient {
  /** The records whose column (`Email` unless told) holds this address, however it is spelled there. */
  findByEmail(email: string, column?: string): Promise<AirtableRecord[]>
}

export interface AirtableOptions {
  /** A personal access token with data.records:read. */
  token: string
  /** An id like appXXXXXXXXXXXXXX. */
  baseId: string
  /** The table's id or name. */
  table: string
  /** Default https://api.airtable.com. */
  apiUrl?: string
  /** For one list with all its pages. Default 10 s. */
  deadlineMs?: number
  /** The budget of calls. By default this app's own: four a second, silence after a 429, a pause after failures. */
  gate?: Gate
  /** Makes the calls. By default a pool of connections that closes with the app. */
  http?: Http
}

/** The Airtable client alone: no database, no environment, no settings but these. */
export default fp<AirtableOptions>(
  async function airtablePlugin(app, options) {
    const { token, baseId, table, apiUrl = 'https://api.airtable.com', deadlineMs = 10_000 } = options
    for (const [name, value] of Object.entries({ token, baseId, table })) {
      if (!value) throw new Error(`firstlogin-airtable: the option ${name} is missing`)
    }
    const { gate = createMemoryGate(airtableLimits), http = ownHttp() } = options
    const log = toUpstreamLog(app.log)
    const client = createAirtableClient(
      { token, baseId, table, apiUrl, deadlineMs },
      { http, gate, log, clock: Date.now, slowMs: deadlineMs },
    )

    function ownHttp(): Http {
      const { http, close } = createHttp()
      app.addHook('onClose', close)
      return http
    }

    app.decorate('airtable', {
      ...client,
      async findByEmail(address, column = 'Email') {
        const email = canonicalEmail(address)
        const filterByFormula = questionFormula(column, { emails: [email], externalIds: [] })
        const records = await client.listRecords(() => ({ filterByFormula }))
        return records.filter(({ fields }) => toCanonicalEmail(String(fields[column])) === email)
      },
    } satisfies Airtable)
  },
  { name: 'firstlogin-airtable', fastify: '5.x' },
)
