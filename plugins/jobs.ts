import { setTimeout as sleep } from 'node:timers/promises'
import fp from 'fastify-plugin'
import type PgBoss from 'pg-boss'
import postgres, { type Sql } from 'postgres'
import { arrayTypes } from '../db/array-types.ts'
import { isConnectionLost } from '../db/faults.ts'
import { FirstloginError, toLoggable } from '../errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    jobs: Jobs
  }
}

export interface JobsOptions {
  /** Seconds between two looks at what there is to do. Default 30, at most 45. */
  pollS?: number
}

export interface Job {
  name: string
  /** Five fields, in UTC; without it the job is only done when asked for. */
  schedule?: string | undefined
  /**
   * Runs on one instance at a time; tried again in a minute when it throws. `signal` aborts when that instance stops,
   * or after an hour: whoever has been at a job for longer is taken for dead.
   */
  work: (data: Record<string, string>, signal: AbortSignal) => Promise<void>
}

/** Durable work, shared by all instances on one database: done by instances that listen, one at a time for each name. */
export interface Jobs {
  /** Before the app listens. */
  define(job: Job): void
  /** Has a job done soon; asked for again while it waits, it is still done once. Once the app listens. */
  request(name: string, data?: Record<string, string>): Promise<void>
}

type Parameter = NonNullable<Parameters<Sql['unsafe']>[1]>[number] | undefined

const longestPauseMs = 30_000
const expireInSeconds = 3600
/** Of PostgreSQL: a text whose type follows from where it stands. */
const unknownType = 705

export default fp<JobsOptions>(
  async function jobsPlugin(app, { pollS = 30 }) {
    const jobs = new Map<string, Job>()
    const workers = new Map<string, string>()
    const stopping = new AbortController()
    let boss: PgBoss | undefined
    let starting: Promise<void> | undefined
    let isStarted = false

    // A line of its own: some texts of pg-boss begin a transaction, in which a failure would leave one of the pool's.
    const line = postgres({
      ...(app.sql.options as object),
      max: 1,
      idle_timeout: 60,
      fetch_types: false,
      types: arrayTypes,
      connection: { application_name: 'firstlogin-jobs' },
      onnotice: () => {},
    })

    async function executeSql(text: string, values: Parameter[] = []): Promise<{ rows: unknown[] }> {
      // Some of its JSON comes as text, which must not be encoded again.
      const parameters = values.map((value) =>
        typeof value === 'string' ? line.typed(value, unknownType) : (value ?? null),
      )
      try {
        return { rows: [...(await line.unsafe(text, parameters))] }
      } catch (error) {
        if (!isConnectionLost(error)) await line`rollback`.catch(() => {})
        throw error
      }
    }

    /** It does not wait for what it writes after a job: a rejection of that would end the process. */
    async function executeCalmly(text: string, values?: Parameter[]): Promise<{ rows: unknown[] }> {
      try {
        return await executeSql(text, values)
      } catch (error) {
        if (!isStarted) throw error
        // A job that is done elsewhere has one more waiting for it.
        if (!isDuplicate(error)) warn(error)
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- It minds nothing, but not an empty list.
        return undefined as never
      }
    }

    function warn(error: unknown): void {
      app.log.warn({ event: 'jobs.failed', err: toLoggable(error) })
    }

    /** Goes on until the database is there. */
    async function startBoss(): Promise<void> {
      const waiting = new Set(jobs.values())
      for (let pauseMs = 500; !stopping.signal.aborted; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
        try {
          boss ??= await openBoss()
          for (const job of waiting) {
            await start(boss, job)
            waiting.delete(job)
          }
          isStarted = true
          return
        } catch (error) {
          if (stopping.signal.aborted) return
          warn(error)
          await sleep(pauseMs, undefined, { ref: false, signal: stopping.signal }).catch(() => {})
        }
      }
    }

    /** A new one for each try: once it failed to start, it never does. */
    async function openBoss(): Promise<PgBoss> {
      // Only whoever listens needs it.
      const { default: Boss } = await import('pg-boss')
      return new Boss({
        schema: 'firstlogin_jobs',
        db: { executeSql: executeCalmly },
        cronMonitorIntervalSeconds: pollS,
        cronWorkerIntervalSeconds: pollS,
      })
        .on('error', warn)
        .start()
    }

    async function start(boss: PgBoss, { name, schedule, work }: Job): Promise<void> {
      const options = { name, policy: 'stately' as const, retryLimit: 3, retryDelay: 60, expireInSeconds }
      await boss.createQueue(name, options)
      // It may be there from a version with other options.
      await boss.updateQueue(name, options)
      if (schedule) await boss.schedule(name, schedule, {}, { tz: 'UTC' })
      else await boss.unschedule(name)
      const id = await boss.work<Record<string, string>>(
        name,
        { pollingIntervalSeconds: pollS },
        async ([job]) => {
          app.log.info({ event: 'job.started', job: name })
          const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(expireInSeconds * 1000)])
          try {
            await work(job?.data ?? {}, signal)
            app.log.info({ event: 'job.finished', job: name })
          } catch (error) {
            if (stopping.signal.aborted) app.log.info({ event: 'job.interrupted', job: name })
            else app.log.error({ event: 'job.failed', job: name, err: toLoggable(error) })
            throw error
          }
        },
      )
      workers.set(name, id)
    }

    app.addHook('onListen', async function startJobs() {
      // Whoever waits for the service does not wait for its chores.
      starting = startBoss()
    })
    app.addHook('preClose', async function stopJobs() {
      stopping.abort()
      await starting
      await boss?.stop({ graceful: true, wait: true, timeout: 5000 }).catch(warn)
    })
    app.addHook('onClose', () => line.end({ timeout: 1 }))

    app.decorate('jobs', {
      define: (job) => void jobs.set(job.name, job),
      async request(name, data = {}) {
        // Nothing is kept for a queue that is not there yet.
        await Promise.race([starting, sleep(longestPauseMs / 3, undefined, { ref: false })])
        if (starting && !isStarted) throw new FirstloginError('FL_DATABASE_UNAVAILABLE')
        await boss?.send(name, data, { db: { executeSql } })
        boss?.notifyWorker(workers.get(name) ?? '')
      },
    } satisfies Jobs)
  },
  { name: 'firstlogin-jobs', fastify: '5.x', dependencies: ['firstlogin-db'] },
)

function isDuplicate(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '23505'
}
