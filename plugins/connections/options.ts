import { earlyProblems } from '../problems/early.ts'

/**
 * Options for Fastify(): how long a client may take, and what it is answered when that is over. Headers have 10 seconds
 * from the connection or their first byte on, a whole request 30; a connection is kept for 72 seconds after an answer,
 * longer than the minute for which common load balancers keep theirs.
 */
export const serverOptions = {
  ...earlyProblems,
  requestTimeout: 30_000,
  keepAliveTimeout: 72_000,
  http: { headersTimeout: 10_000, connectionsCheckingInterval: 1_000 },
}
