import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify, { type FastifyInstance } from 'fastify'
import postgres, { type Sql, type TransactionSql } from 'postgres'
import { createPool } from '../../../db/pool.ts'
import db from '../../../plugins/db.ts'
import tenancy from '../../../plugins/tenancy.ts'
import { until } from '../../support/until.ts'

export type PoolKind = 'our pool' | 'a host’s pool of 1' | 'a host’s pool of 5'
export const poolKinds: PoolKind[] = ['our pool', 'a host’s pool of 1', 'a host’s pool of 5']

/**
 * A database in which every statement leaves a mark that no rollback takes back: each calls `mark(run)`, which counts in
 * one sequence that it ran, and in another that it ran elsewhere than in the transaction of this run.
 */
export interface Marks {
  sql: Sql
  /** The name of the run whose transactions are tried. */
  run: string
  north: string
  south: string
  /** A file with a statement that marks the run that was named. */
  file: string
  counts(): Promise<{ ran: number; escaped: number }>
  open(kind: PoolKind): Promise<MarkedHost>
  close(): Promise<void>
}

export interface MarkedHost {
  app: FastifyInstance
  pool: Sql
  /** A transaction of an organization in which `mark(run)` is at home. */
  enter<T>(organization: string, run: string, work: (tx: TransactionSql) => Promise<T>): Promise<T>
  /** Resolves when the pool has a connection again. */
  reconnect(): Promise<void>
  close(): Promise<void>
}

/** `url` leads the pools to the database, `sql` stays connected to it when they are cut. */
export async function createMarks({ url, sql }: { url: string; sql: Sql }, run: string): Promise<Marks> {
  const folder = await mkdtemp(join(tmpdir(), 'firstlogin-marks-'))
  const file = join(folder, 'mark.sql')
  await writeFile(file, `select mark('${run}')`)
  const [north = '', south = ''] = await Promise.all(
    ['north', 'south'].map((name) => addOrganization(sql, name)),
  )
  await sql.unsafe(`
    create sequence ran;
    create sequence escaped;
    create function mark(run text) returns text language plpgsql as $$
    begin
      perform nextval('ran');
      if current_user <> 'firstlogin_tenant' or current_setting('test.run', true) is distinct from run then
        perform nextval('escaped');
      end if;
      return run;
    end $$;
    grant usage on sequence ran, escaped to public`)

  async function open(kind: PoolKind): Promise<MarkedHost> {
    // A host's pool whose connection breaks with something unsent connects up to ten times in vain (decision 8), for so long each.
    const options = { backoff: () => 0.01, connect_timeout: 0.5, onnotice: () => {} }
    const pool =
      kind === 'our pool'
        ? createPool(url, { ...options, max: 4 })
        : postgres(url, { ...options, max: kind === 'a host’s pool of 1' ? 1 : 5 })
    const app = Fastify()
    await app.register(db, { database: pool, migrate: false })
    await app.register(tenancy)
    return {
      app,
      pool,
      enter: (organization, run, work) =>
        app.tenancy.run(organization, async (tx) => {
          await tx`select set_config('test.run', ${run}, true)`
          return work(tx)
        }),
      // The library tells the next query of a connection why the one before was ended.
      reconnect: async () =>
        void (await until(() =>
          pool`select 1`.then(
            () => true,
            () => false,
          ),
        )),
      async close() {
        await app.close()
        await pool.end({ timeout: 0 })
      },
    }
  }

  return {
    sql,
    run,
    north,
    south,
    file,
    open,
    async counts() {
      const [row] = await sql<[{ ran: string; escaped: string }]>`
        select (select last_value - (not is_called)::int from ran) as ran,
          (select last_value - (not is_called)::int from escaped) as escaped`
      return { ran: Number(row.ran), escaped: Number(row.escaped) }
    },
    close: () => rm(folder, { recursive: true, force: true }),
  }
}

async function addOrganization(sql: Sql, name: string): Promise<string> {
  const [row] = await sql<[{ id: string }]>`
    insert into firstlogin.organizations (id, upstream, external_id, name, slug, status)
    values (gen_random_uuid(), 'clerk', ${name}, ${name}, ${name}, 'active') returning id`
  return row.id
}
