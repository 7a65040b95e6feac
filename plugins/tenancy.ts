import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { TransactionSql } from 'postgres'
import { asTenant, listShared, openToTenants } from '../db/tenants.ts'
import { FirstloginError } from '../errors.ts'

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

export interface Tenancy {
  /**
   * Runs the work in one transaction that sees the organization with this id and nothing of any other, and answers what
   * the work answers; all of it is undone when it throws. Where there is no such organization it sees nothing.
   * Throws FL_REQUEST_INVALID (400) unless the id is a UUID.
   */
  run<T>(organizationId: string, work: (tx: TransactionSql) => Promise<T>): Promise<T>
}

declare module 'fastify' {
  interface FastifyInstance {
    tenancy: Tenancy
  }
}

async function tenancy(app: FastifyInstance): Promise<void> {
  await openToTenants(app.sql)

  app.decorate('tenancy', {
    async run(organizationId, work) {
      if (typeof organizationId !== 'string' || !uuid.test(organizationId))
        throw new FirstloginError('FL_REQUEST_INVALID', { detail: 'The id of an organization is a UUID.' })
      return asTenant(app.sql, organizationId, work)
    },
  })

  // When the host's own migrations have run.
  app.addHook('onReady', async function tellShared() {
    const tables = await listShared(app.sql)
    if (tables.length > 0) app.log.warn({ event: 'tenancy.shared', tables })
  })
}

export default fp(tenancy, { name: 'firstlogin-tenancy', fastify: '5.x', dependencies: ['firstlogin-db'] })
