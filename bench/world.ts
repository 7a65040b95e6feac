import { rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import postgres from 'postgres'
import { hashPassword } from '../domain/password.ts'
import { createAirtableStandIn } from '../sandbox/airtable/stand-in.ts'
import { startPostgres } from '../sandbox/postgres.ts'
import { type Child, startChild } from './child.ts'
import { eventSecret } from './events.ts'
import { type IdentityWorld, startIdentityWorld } from './identity.ts'
import type { BareJwt } from './peers/bare-jwt.ts'
import { newcomer, password, people } from './people.ts'
import { type Service, startService } from './service.ts'
import { createStopwatch, type Stopwatch } from './stopwatch.ts'

/** Where the benchmark keeps its database, its figures and its profiles. */
export const folder = fileURLToPath(new URL('../../', import.meta.url))

/** Everything that is measured, each in a process of its own; the stand-ins for vendors are in this one. */
export interface World {
  /** The argon2id hash that everybody's password has here. */
  hash: string
  service: Service
  identity: IdentityWorld
  betterAuth: Child<string>
  bareJwt: Child<BareJwt>
  bareEvents: Child<string>
  argon2: Child<undefined>
  load: Child<undefined>
  /** Times the stand-in's answers. */
  upstream: Stopwatch
  databases: { ours: string; bareEvents: string }
  stop(): Promise<void>
}

/** One PostgreSQL with a database for the service, for the host app, and for each peer; `newcomers` wait upstream. */
export async function startWorld(newcomers: number, profiled: boolean): Promise<World> {
  const dataDir = `${folder}postgres`
  await rm(dataDir, { recursive: true, force: true })
  const server = await startPostgres({ dataDir, port: 0 })
  const [ours, host, theirs, bareEventsUrl] = await createDatabases(server.url, [
    'firstlogin',
    'host',
    'better_auth',
    'bare_events',
  ])
  const hash = await hashPassword(password)
  const airtable = createAirtableStandIn({ token: 'patBench.token' })
  for (const person of [...people, ...Array.from({ length: newcomers }, (_, index) => newcomer(index))]) {
    airtable.records.put(person.id, {
      Email: person.email,
      Name: person.name,
      Status: 'Active',
      Role: 'Member',
      'Password Hash': hash,
    })
  }
  const upstream = createStopwatch(airtable.app)
  const apiUrl = await airtable.listen()

  const profiling = profiled ? ['--cpu-prof', `--cpu-prof-dir=${folder}profiles`] : []
  const service = await startService(
    {
      DATABASE_URL: ours,
      FIRSTLOGIN_SECRET: 'a secret for measurements of 32 bytes or more',
      AIRTABLE_TOKEN: 'patBench.token',
      AIRTABLE_BASE_ID: airtable.baseId,
      AIRTABLE_TABLE: 'Users',
      AIRTABLE_API_URL: apiUrl,
      LOGIN_RATE_PER_MINUTE: '1000000000',
      USER_WEBHOOK_SYNC_ENABLED: 'true',
      AIRTABLE_USER_SYNC_SECRET: eventSecret,
    },
    // As `npm start` and the image start it.
    ['--max-semi-space-size=4', ...profiling],
  )
  const identity = await startIdentityWorld(host, profiling)
  const betterAuth = await startChild<string>('peers/better-auth', { DATABASE_URL: theirs })
  const bareJwt = await startChild<BareJwt>('peers/bare-jwt')
  const bareEvents = await startChild<string>('peers/bare-events', { DATABASE_URL: bareEventsUrl })
  const argon2 = await startChild<undefined>('peers/argon2')
  const load = await startChild<undefined>('load')

  return {
    hash,
    service,
    identity,
    betterAuth,
    bareJwt,
    bareEvents,
    argon2,
    load,
    upstream,
    databases: { ours, bareEvents: bareEventsUrl },
    async stop() {
      const processes = [service, identity, betterAuth, bareJwt, bareEvents, argon2, load]
      await Promise.all(processes.map((process) => process.stop()))
      await airtable.close()
      await server.stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

async function createDatabases<const Names extends readonly string[]>(
  serverUrl: string,
  names: Names,
): Promise<{ [Place in keyof Names]: string }> {
  const sql = postgres(serverUrl, { max: 1, onnotice: () => {} })
  for (const name of names) await sql`create database ${sql(name)}`
  await sql.end()
  const urlOf = (name: string) => Object.assign(new URL(serverUrl), { pathname: `/${name}` }).href
  return names.map(urlOf) as { [Place in keyof Names]: string }
}
