import type { Sql } from 'postgres'
import {
  enterGate,
  type Gate,
  type GateLimits,
  type GateState,
  openGate,
  type Pass,
  type Refusal,
  settleGate,
  takeTurn,
} from '../domain/gate.ts'

/** Runs a rule on the shared state, by the database's clock, one instance at a time. */
async function withState(
  sql: Sql,
  gate: string,
  rule: (state: GateState, now: number) => GateState,
): Promise<void> {
  await sql.begin(async (tx) => {
    const [row] = await tx<{ state: GateState; now: number }[]>`
      select state, (extract(epoch from clock_timestamp()) * 1000)::float8 as now
      from firstlogin.upstream_gates where gate = ${gate} for update`
    if (!row) throw new Error(`The gate ${gate} is missing from the database.`)
    const state = rule(row.state, row.now)
    if (state === row.state) return
    await tx`update firstlogin.upstream_gates set state = ${tx.json({ ...state })} where gate = ${gate}`
  })
}

/** The gate that all instances on one database share: a budget of calls and a breaker per upstream and base. */
export async function createSharedGate(sql: Sql, gate: string, limits: GateLimits): Promise<Gate> {
  await sql`
    insert into firstlogin.upstream_gates (gate, state) values (${gate}, ${sql.json({ ...openGate })})
    on conflict (gate) do nothing`
  return {
    async enter(maxWaitMs) {
      let verdict: Pass | Refusal = { retryAfterMs: maxWaitMs }
      await withState(sql, gate, (state, now) => {
        const entered = enterGate(state, now, maxWaitMs, limits)
        verdict = entered.verdict
        return entered.state
      })
      return takeTurn(verdict)
    },
    async report(outcome) {
      await withState(sql, gate, (state, now) => settleGate(state, now, outcome, limits))
    },
  }
}

/** True for the one instance that may re-check people now: at most once a minute over all of them. */
export async function claimRecheck(sql: Sql, gate: string): Promise<boolean> {
  const rows = await sql`
    update firstlogin.upstream_gates set rechecked_at = now()
    where gate = ${gate} and rechecked_at <= now() - interval '1 minute'
    returning gate`
  return rows.length > 0
}
