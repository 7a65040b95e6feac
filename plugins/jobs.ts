import { setTimeout as sleep } from 'node:timers/promises'
import fp from 'fastify-plugin'
import type PgBoss from 'pg-boss'
import type { Sql } from 'postgres'
import { toLoggable } from '../errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    jobs: Jobs
  }
}

export interface Job {
  name: string
  /** Five fields, in UTC; without it the job is only done when asked for. */
  schedule?: string | undefined
  /** Runs on one instance at a time; tried again when it throws. `signal` aborts when that instance stops. */
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
/** Whoever has been at a job for longer is taken for dead. */
const expireInSeconds = 6 * 3600

export default fp(
  async function jobsPlugin(app) {
    const jobs = new Map<string, Job>()
    const stopping = new AbortController()
    let boss: PgBoss | undefined
    /** Some of its texts begin a transaction: where one fails, the connection must not stay inside of it. */
    async function executeSql(text: string, values: Parameter[] = []): Promise<{ rows: unknown[] }> {
      const connection = await app.sql.reserve()
      try {
        const rows = await connection.unsafe(
          text,
          values.map((value) => value ?? null),
        )
        return { rows: [...rows] }
      } catch (error) {
        await connection`rollback`.catch(() => {})
        throw error
      } finally {
        connection.release()
      }
    }

    const warn = (error: unknown) => app.log.warn({ event: 'jobs.failed', err: toLoggable(error) })
    async function startBoss(): Promise<void> {
      for (let pauseMs = 500; !stopping.signal.aborted; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
        try {
          // Only whoever listens needs it.
          const { default: Boss } = await import('pg-boss')
          // One pool serves all.
          boss ??= new Boss({ schema: 'firstlogin_jobs', db: { executeSql } }).on('error', warn)
          await boss.start()
          for (const job of jobs.values()) await start(boss, job)
          return
        } catch (error) {
          if (stopping.signal.aborted) return
          warn(error)
          await sleep(pauseMs, undefined, { ref: false, signal: stopping.signal }).catch(() => {})
        }
      }
    }

    async function start(boss: PgBoss, { name, schedule, work }: Job): Promise<void> {
      await boss.createQueue(name, {
        name,
        policy: 'stately',
        retryLimit: 3,
        retryDelay: 60,
        expireInSeconds,
      })
      if (schedule) await boss.schedule(name, schedule, {}, { tz: 'UTC' })
      else await boss.unschedule(name)
      await boss.work<Record<string, string>>(name, { pollingIntervalSeconds: 5 }, async ([job]) => {
        app.log.info({ event: 'job.started', job: name })
        try {
          await work(job?.data ?? {}, stopping.signal)
          app.log.info({ event: 'job.finished', job: name })
        } catch (error) {
          app.log.error({ event: 'job.failed', job: name, err: toLoggable(error) })
          throw error
        }
      })
    }

    let starting: Promise<void> | undefined
    app.addHook('onListen', async function startJobs() {
      // Whoever waits for the service does not wait for its chores.
      starting = startBoss()
    })
    app.addHook('preClose', async function stopJobs() {
      stopping.abort()
      await starting
      await boss?.stop({ graceful: true, wait: true, timeout: 5000 }).catch(warn)
    })

    app.decorate('jobs', {
      define: (job) => void jobs.set(job.name, job),
      async request(name, data = {}) {
        // Nothing is kept for a queue that is not there yet.
        await starting
        await boss?.send(name, data)
      },
    } satisfies Jobs)
  },
  { name: 'firstlogin-jobs', fastify: '5.x', dependencies: ['firstlogin-db'] },
)
