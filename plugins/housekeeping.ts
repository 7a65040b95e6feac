import fp from 'fastify-plugin'
import { createEventMonths, dropOldEventMonths } from '../db/inbound-events.ts'

export interface HousekeepingOptions {
  /** When everybody upstream is compared with everybody here: five fields in UTC, or `never`. */
  reconcileSchedule?: string
}

/** What is done at night, on one of the instances. */
export default fp<HousekeepingOptions>(
  async function housekeepingPlugin(app, { reconcileSchedule = 'never' }) {
    app.jobs.define({
      name: 'reconcile',
      schedule: reconcileSchedule === 'never' ? undefined : reconcileSchedule,
      async work({ upstream }, signal) {
        const names = app.upstreams.filter(({ directory }) => directory).map(({ name }) => name)
        // An upstream that fails keeps no other one from being compared.
        const failures: unknown[] = []
        for (const name of upstream ? [upstream] : names)
          await app.reconcile.run(name, { signal }).catch((error: unknown) => failures.push(error))
        if (failures.length > 0) throw failures[0]
      },
    })
    app.jobs.define({
      name: 'waiting-events',
      schedule: '*/5 * * * *',
      async work(_data, signal) {
        await app.inbox.retryWaiting(signal)
      },
    })
    app.jobs.define({
      name: 'event-months',
      schedule: '10 2 * * *',
      async work() {
        await createEventMonths(app.sql)
        const months = await dropOldEventMonths(app.sql)
        if (months.length > 0) app.log.info({ event: 'events.dropped', months })
      },
    })
  },
  {
    name: 'firstlogin-housekeeping',
    fastify: '5.x',
    dependencies: ['firstlogin-jobs', 'firstlogin-inbox', 'firstlogin-reconcile'],
  },
)
