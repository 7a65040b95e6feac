import type { Test } from 'tap'
import {
  type AirtableStandIn,
  type AirtableStandInOptions,
  createAirtableStandIn,
} from '../../../sandbox/airtable/stand-in.ts'

export const token = 'patOpened.test'

/** A stand-in on a free port for the time of one test, and a way to ask it. */
export async function open(t: Test, options: Partial<AirtableStandInOptions> = {}) {
  const standIn: AirtableStandIn = createAirtableStandIn({ token, ...options })
  const url = await standIn.listen()
  t.teardown(standIn.close)
  const users = `/v0/${standIn.baseId}/Users`

  function ask(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
    return fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    })
  }

  const setFault = (kind: string, latencyMs?: number) => ask('PUT', '/__control/fault', { kind, latencyMs })

  return { standIn, url, users, ask, setFault }
}

/** A clock that goes only when it is told to. */
export function createHandClock(start = Date.parse('2026-11-20T10:00:00.000Z')) {
  let now = start
  const clock = () => now
  clock.advance = (ms: number) => {
    now += ms
  }
  return clock
}
