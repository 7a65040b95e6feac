import type { Sql } from 'postgres'
import { createGate, type Gate, type GateLimits, type GateState, openGate } from '../domain/gate.ts'

/** Runs a rule on the shared state, by the database's clock; anew when another instance was faster. */
async function withState(
  sql: Sql,
  gate: string,
  rule: (state: GateState, now: number) => GateState,
): Promise<void> {
  for (;;) {
    const [row] = await sql<{ state: GateState; now: number }[]>`
      select state, (extract(epoch from clock_timestamp()) * 1000)::float8 as now
      from firstlogin.upstream_gates where gate = ${gate}`
    if (!row) {
      await insertGate(sql, gate)
      continue
    }
    const known = { ...openGate, ...row.state }
    const state = rule(known, row.now)
    if (state === known) return
    const { count } = await sql`
      update firstlogin.upstream_gates set state = ${sql.json({ ...state })}
      where gate = ${gate} and state = ${sql.json({ ...row.state })}`
    if (count === 1) return
  }
}

/** The table is not logged: after a crash of the database it is empty. */
async function insertGate(sql: Sql, gate: string): Promise<void> {
  await sql`
    insert into firstlogin.upstream_gates (gate, state) values (${gate}, ${sql.json({ ...openGate })})
    on conflict (gate) do nothing`
}

/** The gate that all instances on one database share: a budget of calls and a breaker per upstream and base. */
export function createSharedGate(sql: Sql, gate: string, limits: GateLimits): Gate {
  return createGate({ change: (rule) => withState(sql, gate, rule) }, limits)
}

/** True for the one instance that may re-check people now: at most once a minute over all of them. */
export async function claimRecheck(sql: Sql, gate: string): Promise<boolean> {
  await insertGate(sql, gate)
  const rows = await sql`
    update firstlogin.upstream_gates set rechecked_at = now()
    where gate = ${gate} and rechecked_at <= now() - interval '1 minute'
    returning gate`
  return rows.length > 0
}
