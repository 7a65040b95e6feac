import type { Sql } from 'postgres'
import type { Test } from 'tap'
import housekeeping from '../../../plugins/housekeeping.ts'
import inbox from '../../../plugins/inbox.ts'
import jobs from '../../../plugins/jobs.ts'
import type { ReconcileOptions } from '../../../plugins/reconcile.ts'
import reconcile from '../../../plugins/reconcile.ts'
import { startCore } from '../../support/core.ts'
import type { World } from '../../support/service.ts'

/** An instance that compares everybody; `schedule` is when it does so by itself, once it listens. */
export async function startWalker(t: Test, world: World, schedule = 'never') {
  const lines: string[] = []
  const app = await startCore(t, world, {
    logger: { stream: { write: (line: string) => void lines.push(line) } },
  })
  await app.register(inbox)
  await app.register(jobs, { pollS: 1 })
  await app.register(reconcile)
  await app.register(housekeeping, { reconcileSchedule: schedule })
  await app.ready()
  return {
    app,
    logText: () => lines.join(''),
    walk: (options: ReconcileOptions = {}) =>
      app.reconcile.run('airtable', { patienceMs: 0, turnMs: 0, ...options }),
  }
}

/** Everybody's status by address. */
export async function readStatuses(sql: Sql): Promise<Record<string, string>> {
  const rows = await sql<{ email: string; status: string }[]>`
    select email_canonical as email, status from firstlogin.users where email_canonical is not null order by 1`
  return Object.fromEntries(rows.map(({ email, status }) => [email, status]))
}

/** The ids that addPeople gives. */
export function idOf(prefix: string, index: number): string {
  return `rec${prefix.padEnd(6, 'x').slice(0, 6)}${String(index).padStart(8, '0')}`
}
