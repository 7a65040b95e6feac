import type { Test } from 'tap'
import type { Gate, Outcome } from '../../../domain/gate.ts'
import { FirstloginError } from '../../../errors.ts'
import { createHttp } from '../../../plugins/http.ts'
import { type AirtableStandInOptions, createAirtableStandIn } from '../../../sandbox/airtable/stand-in.ts'
import { createAirtableClient } from '../../../upstreams/airtable/client.ts'
import type { Http, UpstreamContext } from '../../../upstreams/upstream.ts'

export const token = 'patCalled.test'

/** A gate that is open to everybody who has time left, and remembers what it was told. */
export function createOpenGate() {
  const reports: Outcome[] = []
  let entered = 0
  const gate: Gate = {
    async enter(maxWaitMs) {
      if (maxWaitMs < 0) throw new FirstloginError('FL_UPSTREAM_UNAVAILABLE')
      entered += 1
      return { waitMs: 0, startAt: 0, isTroubled: true, isProbe: false }
    },
    returnPermit: async () => {},
    async report(outcome) {
      reports.push(outcome)
    },
  }
  return { gate, reports, entered: () => entered }
}

export interface ClientOptions extends Partial<AirtableStandInOptions> {
  deadlineMs?: number
  /** In place of real connections. */
  http?: Http
}

/** A stand-in, and the client that calls it over real connections. */
export async function openClient(t: Test, { deadlineMs = 700, http, ...options }: ClientOptions = {}) {
  const standIn = createAirtableStandIn({ token, rateLimit: false, ...options })
  const apiUrl = await standIn.listen()
  const pool = createHttp()
  t.teardown(async () => {
    await pool.close()
    await standIn.close()
  })
  const logged: { event: string; reason?: unknown }[] = []
  const open = createOpenGate()
  const context: UpstreamContext = {
    http: http ?? pool.http,
    gate: open.gate,
    log: (_, event, details) => void logged.push({ event, ...details }),
    clock: Date.now,
    slowMs: 5000,
  }
  const target = { apiUrl, token, baseId: standIn.baseId, table: 'Users', deadlineMs }
  const client = createAirtableClient(target, context)
  const list = () => client.listRecords(() => ({ fields: ['Email'] }))
  return { ...open, standIn, apiUrl, pool, context, client, list, logged }
}
