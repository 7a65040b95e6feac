import type { FastifyInstance } from 'fastify'
import type { JWTVerifyGetKey } from 'jose'
import { LRUCache } from 'lru-cache'
import { findMember, type KnownMember } from '../../db/members.ts'
import type { Change } from '../../domain/change.ts'
import { isDeleted, isVanished } from '../../domain/facts.ts'
import { FirstloginError, toLoggable } from '../../errors.ts'
import type { Claims, TokenReading } from '../../upstreams/upstream.ts'
import type { Identity } from '../identity.ts'
import type { RequestLines } from '../request-log/lines.ts'
import { createKeySet } from './key-set.ts'
import { createNames, type Names } from './names.ts'
import { verifyToken } from './token-verifier.ts'

export interface Identified {
  identity: Identity
  /** Milliseconds since 1970. */
  expiresAt: number
  /** What was read here first is new: somebody wrote it a moment ago. */
  isProvisioned: boolean
}

/** Tokens of those upstreams that sign people in. */
export interface UpstreamTokens {
  /** Undefined for a token of somebody else's. */
  identify(token: string, issuer: string, log: RequestLines): Promise<Identified | undefined>
  close(): void
}

interface Issuer {
  upstream: string
  claims: Claims
  findKey: JWTVerifyGetKey
  names: Names
}

export function createUpstreamTokens(app: FastifyInstance, onWithdrawn: () => void): UpstreamTokens {
  const issuers = new Map<string, Issuer>()
  /** Accounts that stand for nobody, however often they are told: another one has taken their place. */
  const vain = new LRUCache<string, true>({ max: 10_000, ttl: 30_000 })
  for (const upstream of app.upstreams) {
    const { name, claims } = upstream
    if (!claims) continue
    if (issuers.has(claims.issuer))
      throw new Error(`firstlogin-identity: two upstreams have the issuer of ${name}.`)
    const onError = (event: string) => (error: unknown) =>
      app.log.warn({ event, upstream: name, err: toLoggable(error) })
    issuers.set(claims.issuer, {
      upstream: name,
      claims,
      findKey: createKeySet({
        sql: app.sql,
        http: app.http,
        url: claims.keysUrl,
        onWithdrawn,
        onError: onError('issuer_keys.unavailable'),
      }),
      names: createNames({ upstream, settle: settleNames, onError: onError('names.unavailable') }),
    })
  }

  async function settleNames(found: Change[]): Promise<void> {
    if (found.length > 0) await app.provisioner.apply(found)
  }

  async function identify(
    token: string,
    { upstream, claims, findKey, names }: Issuer,
    log: RequestLines,
  ): Promise<Identified> {
    const verified = await verifyToken(token, claims, findKey)
    const reading = claims.read(verified)
    const of = { upstream, user: reading.user, organization: reading.organization }
    let known = await findMember(app.sql, of)
    const isProvisioned = !reading.isImpersonated && isNews(known, reading)
    if (isProvisioned) {
      await app.provisioner.apply(reading.changes, {}, () => log)
      known = await findMember(app.sql, of)
      if (!known.user) vain.set(reading.user, true)
    }
    if (!reading.isImpersonated) fetchNames(known, reading, names)
    const identity = { ...toMember(known, reading), upstream, claims: verified.payload }
    return {
      identity: { ...identity, isImpersonated: reading.isImpersonated },
      expiresAt: verified.payload.exp * 1000,
      isProvisioned,
    }
  }

  function isNews(known: KnownMember, reading: TokenReading): boolean {
    if (known.account && !known.user && !known.account.deleted && !vain.has(reading.user)) return true
    return reading.changes.some((change) => {
      if (change.type === 'user.upserted') return app.provisioner.wouldDiffer(known.account, change)
      if (change.type === 'organization.upserted')
        return app.provisioner.wouldDiffer(known.organizationFacts, change)
      return app.provisioner.wouldDiffer(known.membershipFacts, change)
    })
  }

  return {
    async identify(token, issuer, log) {
      const found = issuers.get(issuer)
      return found && identify(token, found, log)
    },
    close() {
      for (const { names } of issuers.values()) names.close()
    },
  }
}

/** Throws for who may not go on: nobody here, not active, or not in the organization any more. */
function toMember(
  { account, user, organization, membership }: KnownMember,
  reading: TokenReading,
): Pick<Identity, 'userId' | 'organizationId' | 'user' | 'organization' | 'membership'> {
  if (!account || !user || user.status === 'deleted')
    throw new FirstloginError('FL_TOKEN_INVALID', { cause: 'nobody is known' })
  // The person may live on by another upstream; this account does not.
  if (isDeleted(account)) throw new FirstloginError('FL_TOKEN_INVALID', { cause: 'the account was deleted' })
  const isShut = isVanished(account) || account.claims.status?.value === 'disabled'
  if (isShut || user.status !== 'active') throw new FirstloginError('FL_ACCOUNT_INACTIVE')
  if (reading.organization === undefined)
    return { userId: user.id, organizationId: null, user, organization: null, membership: null }
  if (!organization || !membership)
    throw new FirstloginError('FL_ORGANIZATION_MISSING', { detail: 'The membership has ended.' })
  return { userId: user.id, organizationId: organization.id, user, organization, membership }
}

function fetchNames({ account, organizationFacts }: KnownMember, reading: TokenReading, names: Names): void {
  if (!account?.claims.name || !account.claims.email) names.ofUser(reading.user)
  if (reading.organization !== undefined && !organizationFacts?.claims.name)
    names.ofOrganization(reading.organization)
}
