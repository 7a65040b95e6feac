import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import type { Sql } from 'postgres'
import { inTransaction } from './transaction.ts'

interface Migration {
  version: number
  name: string
  checksum: string
  text: string
}

const folder = new URL('./migrations/', import.meta.url)

/** The numbered SQL files beside this one, in order. */
export async function listMigrations(): Promise<Migration[]> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort()
  return Promise.all(
    files.map(async (name) => {
      const text = await readFile(new URL(name, folder), 'utf8')
      const checksum = createHash('sha256').update(text).digest('hex')
      return { version: Number.parseInt(name, 10), name, checksum, text }
    }),
  )
}

/**
 * Brings the schema `firstlogin` up to date and returns the names of what was applied. Forward only, all in one
 * transaction, under an advisory lock: any number of instances may start at once. Throws when an applied file
 * was edited or when the database is newer than this program.
 */
export async function migrate(sql: Sql): Promise<string[]> {
  const migrations = await listMigrations()
  return inTransaction(sql, async (tx) => {
    await tx`select pg_advisory_xact_lock(hashtext('firstlogin.migrate'))`
    const [ready] = await tx<{ exists: boolean }[]>`
      select to_regclass('firstlogin.migrations') is not null as exists`
    if (!ready?.exists) {
      await tx`create schema if not exists firstlogin`
      await tx`
        create table firstlogin.migrations (
          version integer primary key,
          name text not null,
          checksum text not null,
          applied_at timestamptz not null default now()
        )`
    }
    const applied = await tx<{ version: number; checksum: string }[]>`
      select version, checksum from firstlogin.migrations`
    const checksums = new Map(applied.map((row) => [row.version, row.checksum]))
    const unknown = applied.filter(
      (row) => !migrations.some((migration) => migration.version === row.version),
    )
    if (unknown.length > 0) throw new Error('The database was migrated by a newer firstlogin than this one.')
    const names: string[] = []
    for (const { version, name, checksum, text } of migrations) {
      const known = checksums.get(version)
      if (known !== undefined && known !== checksum)
        throw new Error(`Migration ${name} was edited after it ran.`)
      if (known !== undefined) continue
      await tx.unsafe(text)
      await tx`insert into firstlogin.migrations ${tx({ version, name, checksum })}`
      names.push(name)
    }
    return names
  })
}

export interface MigrationState {
  applied: number
  /** Of this program, and not in the database. */
  missing: number
  /** The database has some that this program does not know. */
  isNewer: boolean
}

export async function findMigrationState(sql: Sql): Promise<MigrationState> {
  const known = new Set((await listMigrations()).map(({ version }) => version))
  const [row] = await sql<
    { table: string | null }[]
  >`select to_regclass('firstlogin.migrations')::text as table`
  const rows = row?.table ? await sql<{ version: number }[]>`select version from firstlogin.migrations` : []
  const applied = rows.filter(({ version }) => known.has(version)).length
  return { applied, missing: known.size - applied, isNewer: rows.length > applied }
}

/** True when every migration of this program has run. */
export async function isMigrated(sql: Sql): Promise<boolean> {
  const newest = (await listMigrations()).at(-1)
  const [row] = await sql<
    { table: string | null }[]
  >`select to_regclass('firstlogin.migrations')::text as table`
  if (!newest || !row?.table) return false
  const [found] = await sql`select 1 from firstlogin.migrations where version = ${newest.version}`
  return found !== undefined
}
