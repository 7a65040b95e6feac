import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createAirtableStandIn } from './airtable/stand-in.ts'
import { startPostgres } from './postgres.ts'

type Env = Readonly<Record<string, string | undefined>>

/** What stands in for everything that is not configured, one by one. */
export interface Sandbox {
  /** The settings with the gaps filled. */
  env: Env
  /** Each stand-in and where it is, for the banner. */
  lines: string[]
  stop(): Promise<void>
}

/** Starts what is missing. `dataDir` keeps the database and the secret between runs. */
export async function startSandbox(env: Env, dataDir: string): Promise<Sandbox> {
  const filled: Record<string, string> = {}
  const lines: string[] = []
  const stops: (() => Promise<void>)[] = []
  const has = (...names: string[]) => names.some((name) => env[name] || env[`${name}_FILE`])
  const stop = async () => {
    await Promise.all(stops.map((each) => each()))
  }

  try {
    if (!has('FIRSTLOGIN_SECRET')) filled['FIRSTLOGIN_SECRET'] = await findSecret(dataDir)
    if (!has('BASE_URL')) filled['BASE_URL'] = `http://127.0.0.1:${env['PORT'] || 3000}`
    if (!has('LOGIN_RATE_PER_MINUTE')) filled['LOGIN_RATE_PER_MINUTE'] = '1000000'
    if (!has('DATABASE_URL')) {
      const postgres = await startPostgres({ dataDir: join(dataDir, 'postgres') })
      stops.push(postgres.stop)
      filled['DATABASE_URL'] = postgres.url
      lines.push(`PostgreSQL   ${postgres.url} (embedded, kept in ${join(dataDir, 'postgres')})`)
    }
    if (!has('AIRTABLE_TOKEN', 'AIRTABLE_BASE_ID', 'AIRTABLE_TABLE', 'AIRTABLE_API_URL')) {
      const airtable = createAirtableStandIn({ token: 'patSandbox.token' })
      const url = await listenNear(airtable, Number(env['PORT'] || 3000))
      stops.push(() => airtable.close())
      Object.assign(filled, {
        AIRTABLE_TOKEN: 'patSandbox.token',
        AIRTABLE_BASE_ID: airtable.baseId,
        AIRTABLE_TABLE: 'Users',
        AIRTABLE_API_URL: url,
      })
      lines.push(`Airtable     ${url}/v0/${airtable.baseId}/Users (stand-in; token patSandbox.token)`)
      lines.push(`  people     ${url}/__control/records`)
      lines.push(`  faults     PUT ${url}/__control/fault {"kind":"stall"}`)
      lines.push(`  mailbox    ${url}/__mailbox`)
    }
  } catch (error) {
    await stop()
    throw error
  }
  return { env: { ...env, ...filled }, lines, stop }
}

/** On the port after the service's, or the next free one. */
async function listenNear(
  airtable: { listen(port: number): Promise<string> },
  port: number,
): Promise<string> {
  for (let candidate = port === 0 ? 0 : port + 1; ; candidate += 1) {
    try {
      return await airtable.listen(candidate)
    } catch (error) {
      const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
      if (!isTaken || candidate > port + 20) throw error
    }
  }
}

async function findSecret(dataDir: string): Promise<string> {
  await mkdir(dataDir, { recursive: true })
  const path = join(dataDir, 'secret')
  try {
    await writeFile(path, randomBytes(32).toString('base64url'), { mode: 0o600, flag: 'wx' })
  } catch {
    // It is there from an earlier run.
  }
  return readFile(path, 'utf8')
}
