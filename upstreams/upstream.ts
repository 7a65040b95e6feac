import type { Static, TObject } from 'typebox'
import type { Change, OrganizationUpserted, UserUpserted } from '../domain/change.ts'
import type { CanonicalEmail } from '../domain/email.ts'
import type { Gate, GateLimits, Pass } from '../domain/gate.ts'
import type { SignatureHeaders } from '../domain/signature.ts'
import type { FirstloginError } from '../errors.ts'

export interface HttpRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
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
   * `take` is called, and awaited, when the turn of the call has come, so that the question holds all who came while it
   * waited; if it has no question then, no call is made.
   */
  find(take: (pass: Pass) => Taken | Promise<Taken>): Promise<UserUpserted[]>
}

type Taken = Question | undefined

/** One event that an upstream told, in our words. */
export interface WebhookEvent {
  /** The same on every attempt of the sender's: the event counts once. */
  id: string
  type: string
  /** By the upstream's clock, milliseconds since 1970. */
  occurredAt: number
  /** None: the event is of no interest. */
  changes: Change[]
  /** Why it cannot be applied as it is. */
  refusal?: FirstloginError
  /** What may be kept of the body, and read again: no secret, no hash. */
  payload: object
}

/** What a request proved beyond having been sent by the upstream. */
export interface Delivery {
  /** How it was proved. */
  dialect: string
  /** The sender's id of the message, the same on every attempt. */
  messageId?: string
  /** Of the request; what is said of its body goes there. */
  log?: Log
}

/** What happened? A POST of the upstream's own, signed. */
export interface Webhook {
  /** Where it arrives, below /api/sync. */
  path: string
  summary: string
  /** The least that a body has: a first check, and for the documentation. */
  body: TObject
  /** The header whose value proves who sends it, in lower case: for the documentation. */
  signatureHeader?: string
  /** Taken in only with USER_WEBHOOK_SYNC_ENABLED. Others are when they have their secret. */
  isOptIn?: true
  /** Throws FL_SIGNATURE_INVALID where the headers alone show that the request is not signed: its body is not read then. */
  verifyHeaders?(headers: SignatureHeaders): void
  /** Throws FL_SIGNATURE_INVALID. */
  verify(bytes: Buffer, headers: SignatureHeaders): Delivery
  /**
   * Throws FL_PAYLOAD_INVALID for what is not an event. Where a body proves nothing upstream is asked; an event about
   * which it could not be is refused with FL_UPSTREAM_UNAVAILABLE, and so kept and read again later. Reads the payload
   * of a kept event as well as the body it was made of.
   */
  read(body: unknown, delivery: Delivery): WebhookEvent | Promise<WebhookEvent>
}

/** May this person sign up? Upstream asks before it makes an account. */
export interface SignUpHook {
  /** Where it arrives, below /api/sync. */
  path: string
  summary: string
  body: TObject
  /** The header whose value proves who sends it, in lower case: for the documentation. */
  signatureHeader?: string
  /** Throws FL_SIGNATURE_INVALID where the headers alone show that the request is not signed: its body is not read then. */
  verifyHeaders?(headers: SignatureHeaders): void
  /** Throws FL_SIGNATURE_INVALID. */
  verify(bytes: Buffer, headers: SignatureHeaders): void
  /** The address that wants to sign up; undefined for who has none. Throws FL_PAYLOAD_INVALID. */
  read(body: unknown): string | undefined
  /** Only people who are known already may sign up. */
  onlyKnown: boolean
  /** The bodies of the 200 that lets somebody in, and of the one that does not. */
  answers: { allowed: object; refused: (message: string) => object }
}

/** A token whose signature, issuer, audience and times are right. */
export interface VerifiedToken {
  header: Readonly<Record<string, unknown>>
  payload: Readonly<Record<string, unknown>> & { sub: string; iat: number; exp: number }
}

/** Whom a token is about, by the ids upstream. */
export interface TokenReading {
  user: string
  /** The organization that they act in; undefined for none. */
  organization: string | undefined
  /** What the token says of both, as of its `iat`. */
  changes: Change[]
  /** Somebody else acts in their name: nothing that the token says is written. */
  isImpersonated: boolean
}

/** What does this token say? */
export interface Claims {
  /** The exact `iss` of its tokens. */
  issuer: string
  /** Where the issuer publishes its keys (JWKS). */
  keysUrl: string
  algorithms: readonly string[]
  /** One of these must be in `aud`; without any, a token that names an audience is for somebody else. */
  audiences: readonly string[]
  /** Throws FL_TOKEN_INVALID for what is not a person's sign-in: of another kind, for another party, unfinished. */
  read(token: VerifiedToken): TokenReading
}

/** Which organizations are these? Tokens lack their names. */
export interface Organizations {
  /** What was found of at most `batchSize`, in no order. Throws FL_UPSTREAM_UNAVAILABLE. */
  find(externalIds: string[]): Promise<OrganizationUpserted[]>
  batchSize: number
}

/** What a directory lists. */
export type Kind = 'user' | 'membership'

/** A record that cannot be used, or not in full. */
export interface UnusableRecord {
  externalId: string
  /** Such as `status.unknown`, the name of its line in the log. */
  reason: string
}

export interface DirectoryPage {
  changes: Change[]
  /** Records of people on the page, those without an address included. */
  size: number
  /** Those of which something could not be understood. */
  unusable?: UnusableRecord[]
  /** Where the next page begins; undefined on the last one. */
  next: string | undefined
}

/** Everybody, page by page. */
export interface Directory {
  /** Its records may hold password hashes. */
  hasPasswordHashes?: true
  /** Of these the listing is complete: what it lacks has vanished. */
  kinds: readonly Kind[]
  /** `expired` when the listing must begin again. Throws FL_UPSTREAM_UNAVAILABLE. */
  readPage(from: string | undefined): Promise<DirectoryPage | 'expired'>
  /** Which of these upstream has: asked by id, so that nothing is missing by an accident of paging. */
  findExisting(kind: Kind, externalIds: string[]): Promise<string[]>
}

/** What has to be remembered of a subscription to an upstream's news. */
export interface Subscription {
  id: string
  /** Verifies pings. */
  secret: string
  /** Where the news begin that were not read yet. */
  cursor: number
}

export interface FeedPage {
  changes: Change[]
  cursor: number
  hasMore: boolean
}

/** News that are fetched: a ping says no more than that there are some. */
export interface Feed {
  /** Where pings arrive, below /api/sync. */
  path: string
  summary: string
  /** The header whose value proves who sends it, in lower case: for the documentation. */
  signatureHeader?: string
  /** Throws FL_SIGNATURE_INVALID where the headers alone show that the request is not signed: its body is not read then. */
  verifyHeaders?(headers: SignatureHeaders): void
  /** The subscription that a ping says it belongs to is this one, and signed it; else throws FL_SIGNATURE_INVALID. */
  verifyPing(bytes: Buffer, headers: SignatureHeaders, subscription: Subscription): void
  subscribe(url: string): Promise<Subscription>
  unsubscribe(id: string): Promise<void>
  /** Keeps a subscription from running out. `lost` when a new one is needed: what happened since is in no news. */
  renew(subscription: Subscription, url: string): Promise<'kept' | 'lost'>
  read(subscription: Subscription): Promise<FeedPage | 'lost'>
}

export interface Capabilities {
  lookup?: Lookup
  organizations?: Organizations
  webhook?: Webhook
  signUpHook?: SignUpHook
  claims?: Claims
  directory?: Directory
  feed?: Feed
}

export interface UpstreamSettings {
  address: string
  credentials: string
}

/** An upstream as its folder defines it: its settings, the budget of its API, and what it can do. */
export interface UpstreamDefinition<Env extends TObject> {
  name: string
  env: Env
  limitsOf(env: Static<Env>): GateLimits
  /** What shares one budget of calls upstream, such as a base. */
  gateOf(env: Static<Env>): string
  /** By name: the setting with the address of its API, and the one that proves that we may call it. */
  settings?: UpstreamSettings
  /** What a refusal of its API means for an operator: the setting, the cause, and the next step. */
  explain?(env: Static<Env>, refusal: HttpResponse, http: Http): Promise<string | undefined>
  /** It makes sure that an address belongs to the account that has it. */
  verifiesEmails?: true
  /** Its settings beside other upstreams; `isVerified` where one of them verifies addresses. */
  beside?(env: Static<Env>, isVerified: boolean): Static<Env>
  /** The setting without which events that are opt-in cannot be verified. */
  webhookSecret?: string
  create(env: Static<Env>, context: UpstreamContext): Capabilities
}

/** An upstream with its settings: all that the rest of the house knows of a vendor. */
export interface Upstream {
  name: string
  gate: string
  limits: GateLimits
  settings?: UpstreamSettings
  explain?: (refusal: HttpResponse, http: Http) => Promise<string | undefined>
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
  const { name, settings, explain } = definition
  return {
    name,
    ...(settings && { settings }),
    ...(explain && { explain: (refusal, http) => explain(env, refusal, http) }),
    limits: definition.limitsOf(env),
    gate: `${name}:${definition.gateOf(env)}`,
    create: (context) => definition.create(env, context),
  }
}
