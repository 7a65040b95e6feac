import type { Static, TObject } from 'typebox'
import type { UserUpserted } from '../domain/change.ts'
import type { CanonicalEmail } from '../domain/email.ts'
import type { Gate, GateLimits, Pass } from '../domain/gate.ts'

export interface HttpRequest {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  url: string
  headers: Record<string, string>
  body?: string
  /** For everything, the last byte of the body included. */
  deadlineMs: number
}

export interface HttpResponse {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: string
}

/** Never follows a redirect, never reads more than a few MiB; throws HttpFailure when no whole answer came. */
export type Http = (request: HttpRequest) => Promise<HttpResponse>

/** Why no whole answer came. `network` means that trying again may help. */
export class HttpFailure extends Error {
  readonly kind: 'network' | 'timeout' | 'oversize'

  constructor(kind: HttpFailure['kind'], cause?: unknown) {
    super(`No answer: ${kind}.`, { cause })
    this.name = 'HttpFailure'
    this.kind = kind
  }
}

/** A structured line in the host's log; never a secret, never an address of a person. */
export type Log = (level: 'info' | 'warn' | 'error', event: string, details: Record<string, unknown>) => void

/** What the house hands to an upstream. */
export interface UpstreamContext {
  http: Http
  gate: Gate
  log: Log
  /** Milliseconds since 1970. */
  clock: () => number
  /** A call that takes longer than this counts as a failure, even if its answer is still used. */
  slowMs: number
}

export interface Question {
  emails: CanonicalEmail[]
  externalIds: string[]
}

/** Who is this address, who is this id? Many at once, at most `batchSize` in all. */
export interface Lookup {
  batchSize: number
  /**
   * What was found, in no order; nobody is missing from it because of a fault. Throws FL_UPSTREAM_UNAVAILABLE.
   * `take` is called when the turn of the call has come, so that whoever arrives while it waits is asked about too;
   * if it has no question then, no call is made.
   */
  find(take: (pass: Pass) => Question | undefined): Promise<UserUpserted[]>
}

export interface Capabilities {
  lookup?: Lookup
}

/** An upstream as its folder defines it: its settings, the budget of its API, and what it can do. */
export interface UpstreamDefinition<Env extends TObject> {
  name: string
  env: Env
  limits: GateLimits
  /** What shares one budget of calls upstream, such as a base. */
  gateOf: (env: Static<Env>) => string
  create: (env: Static<Env>, context: UpstreamContext) => Capabilities
}

/** An upstream with its settings: all that the rest of the house knows of a vendor. */
export interface Upstream {
  name: string
  gate: string
  limits: GateLimits
  create: (context: UpstreamContext) => Capabilities
}

export function defineUpstream<Env extends TObject>(
  definition: UpstreamDefinition<Env>,
): UpstreamDefinition<Env> {
  return definition
}

/** Binds a definition to settings that were checked against its schema. */
export function configureUpstream<Env extends TObject>(
  definition: UpstreamDefinition<Env>,
  env: Static<Env>,
): Upstream {
  const { name, limits } = definition
  return {
    name,
    limits,
    gate: `${name}:${definition.gateOf(env)}`,
    create: (context) => definition.create(env, context),
  }
}
