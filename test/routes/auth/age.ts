import type { Sql } from 'postgres'

/** Lets seconds pass for all sessions, by moving what is stored of them into the past. */
export async function age(sql: Sql, seconds: number): Promise<void> {
  await sql`
    update firstlogin.sessions set
      created_at = created_at - step, expires_at = expires_at - step, rotated_at = rotated_at - step,
      repeated_at = repeated_at - step, shared_at = shared_at - step, ended_at = ended_at - step,
      issued_ats = array(select at - step from unnest(issued_ats) with ordinality as issued (at, place) order by place)
    from make_interval(secs => ${seconds}) as step`
}
