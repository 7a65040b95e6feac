import Fastify, { type FastifyInstance, type LightMyRequestResponse } from 'fastify'
import type { Sql } from 'postgres'
import type { Test } from 'tap'
import firstlogin, { earlyProblems, type ServiceOptions } from '../../app.ts'
import { loadConfig } from '../../config.ts'
import {
  type AirtableStandIn,
  type AirtableStandInOptions,
  createAirtableStandIn,
} from '../../sandbox/airtable/stand-in.ts'
import { hastyClock } from './clocks.ts'
import { createDatabase } from './database.ts'

export interface LogLine {
  level: number
  event?: string
  [key: string]: unknown
}

export interface Service {
  app: FastifyInstance
  log: LogLine[]
  /** Every line as it was written: what must not be in there is looked for here. */
  logText: () => string
  login(email: string, password: string, body?: object, address?: string): Promise<LightMyRequestResponse>
}

export interface World {
  sql: Sql
  url: string
  airtable: AirtableStandIn
  /** The settings of an instance on this database and upstream. */
  env(own?: Record<string, string>): Record<string, string>
  /** One more instance of the service on the same database and upstream. */
  start(env?: Record<string, string>, timing?: ServiceOptions['timing']): Promise<Service>
}

export const secret = 'a secret for tests of at least 32 bytes'

/** A database, an Airtable, and as many instances of the service as a test wants; all closed when it ends. */
export async function createWorld(
  t: Test,
  airtableOptions: Partial<AirtableStandInOptions> = {},
): Promise<World> {
  const { sql, url } = await createDatabase(t)
  const airtable = createAirtableStandIn({ token: 'patSandbox.token', ...airtableOptions })
  const apiUrl = await airtable.listen()
  const instances: FastifyInstance[] = []
  t.teardown(async () => {
    await Promise.all(instances.map((app) => app.close()))
    await airtable.close()
  })

  const settings = (own: Record<string, string> = {}) => ({
    DATABASE_URL: url,
    FIRSTLOGIN_SECRET: secret,
    AIRTABLE_TOKEN: 'patSandbox.token',
    AIRTABLE_BASE_ID: airtable.baseId,
    AIRTABLE_TABLE: 'Users',
    AIRTABLE_API_URL: apiUrl,
    LOGIN_RATE_PER_MINUTE: '1000000',
    // A busy machine is no upstream that does not answer.
    READTHROUGH_DEADLINE_MS: '60000',
    ...own,
  })

  async function start(
    env: Record<string, string> = {},
    timing: ServiceOptions['timing'] = {},
  ): Promise<Service> {
    const config = loadConfig(settings(env))
    const lines: string[] = []
    const stream = { write: (line: string) => void lines.push(line) }
    // However long a start takes on a busy machine.
    const app = Fastify({ ...earlyProblems, logger: { level: config.LOG_LEVEL, stream }, pluginTimeout: 0 })
    instances.push(app)
    // A busy machine is no overload.
    const hashing = { maxWaitMs: Number.POSITIVE_INFINITY, crowdedMs: Number.POSITIVE_INFINITY }
    await app.register(firstlogin, {
      ...config,
      standalone: true,
      hashing,
      timing: { failures: hastyClock, ...timing },
    })
    await app.ready()
    return {
      app,
      get log() {
        return lines.map((line) => JSON.parse(line) as LogLine)
      },
      logText: () => lines.join(''),
      login: (email, password, body = {}, remoteAddress = '127.0.0.1') =>
        app.inject({
          method: 'POST',
          url: '/api/auth/login',
          payload: { email, password, ...body },
          remoteAddress,
        }),
    }
  }
  return { sql, url, airtable, env: settings, start }
}
