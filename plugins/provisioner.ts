import fp from 'fastify-plugin'
import type { TransactionSql } from 'postgres'
import { uuidv7 } from 'uuidv7'
import { type AppliedChange, applyChanges, type ChangeCause } from '../db/apply.ts'
import { setDefaultOrganization } from '../db/named-organizations.ts'
import { inTransaction } from '../db/transaction.ts'
import { type Change, isUserChange } from '../domain/change.ts'
import { toCanonicalEmail } from '../domain/email.ts'
import { type Facts, keepsNewest, toFacts, wouldDiffer } from '../domain/facts.ts'
import { defaultOwnership, type FieldOwnership } from '../domain/ownership.ts'
import { keepsOf, type Rules } from '../domain/provisioning.ts'
import { isAddressRecord, toRecordFacts } from '../domain/record.ts'
import type { RequestLines } from './request-log/lines.ts'

declare module 'fastify' {
  interface FastifyInstance {
    provisioner: Provisioner
  }
}

/** The log of the request that a change came with, by the place of the change; the app's where there is none. */
export type LogOf = (index: number) => Pick<RequestLines, 'info' | 'warn'> | undefined

/** The only door through which people, organizations and memberships are written. */
export interface Provisioner {
  /** Writes all changes in one transaction; the answers are in the places of the changes. */
  apply(changes: Change[], cause?: ChangeCause, logOf?: LogOf): Promise<AppliedChange[]>
  /**
   * The same inside a transaction of the caller's; once per transaction, or two of them may deadlock. What it answers
   * is to be reported once that is committed.
   */
  applyIn(tx: TransactionSql, changes: Change[], cause?: ChangeCause, logOf?: LogOf): Promise<AppliedChange[]>
  /** Logs and counts what was committed. */
  report(applied: AppliedChange[], logOf?: LogOf): void
  /** Called, once that is committed, with a record whose address another one of its upstream names, too. */
  onDuplicate(listener: (record: { upstream: string; externalId: string }) => void): void
  /** Whether a telling would make a difference to what is known; the same again, of a later time, does not. */
  wouldDiffer(known: (Facts<unknown> & { isAccount?: boolean }) | undefined, change: Change): boolean
}

export interface ProvisionerOptions {
  ownership?: FieldOwnership
  /** How long after a record is gone another one with its address continues its person. Default a day. */
  rekeyWindowMs?: number
  /**
   * Where people belong whose records name no organization: the name or the slug of one that is made if it is not there. Null for
   * none; left out, it stays as it was set on this database before.
   */
  defaultOrganization?: string | null
}

export default fp<ProvisionerOptions>(
  async function provisionerPlugin(app, options) {
    const { ownership = defaultOwnership, rekeyWindowMs, defaultOrganization } = options
    if (defaultOrganization !== undefined) await setDefaultOrganization(app.sql, defaultOrganization)
    const rules: Rules = {
      ownership,
      ...(rekeyWindowMs !== undefined && { rekeyWindowMs }),
      createId: uuidv7,
    }
    const duplicateListeners: ((record: { upstream: string; externalId: string }) => void)[] = []

    async function applyIn(
      tx: TransactionSql,
      changes: Change[],
      cause?: ChangeCause,
      logOf?: LogOf,
    ): Promise<AppliedChange[]> {
      const usable = changes.filter((change, index) => isUsable(change, logOf?.(index) ?? app.log))
      const answers = await applyChanges(tx, usable, rules, cause)
      const answerOf = new Map(usable.map((change, index) => [change, answers[index]]))
      return changes.map((change) => answerOf.get(change) ?? toRefused(change))
    }

    function report(applied: AppliedChange[], logOf?: LogOf): void {
      for (const [index, change] of applied.entries()) {
        const { kind, path, userId, upstream, externalId, duplicateOf } = change
        const log = logOf?.(index) ?? app.log
        log.info({
          event: 'upsert.conflict',
          kind,
          path,
          upstream,
          externalId: toLogged(externalId),
          userId,
        })
        app.metrics.upserts.inc({ path })
        if (duplicateOf === null) continue
        log.warn({
          event: 'record.duplicate',
          upstream,
          externalId: toLogged(externalId),
          duplicateOf: toLogged(duplicateOf),
        })
        for (const listener of duplicateListeners) listener({ upstream, externalId: duplicateOf })
      }
    }

    function toRefused({ upstream, externalId }: Change): AppliedChange {
      return {
        kind: 'user',
        upstream,
        externalId,
        path: 'stale',
        hadEffect: false,
        isVisible: false,
        isDisabled: false,
        userId: null,
        duplicateOf: null,
      }
    }

    /** An address that cannot be a key is upstream's mistake: it is named, and the others go on. */
    function isUsable(change: Change, log: Pick<RequestLines, 'warn'>): boolean {
      if (change.type !== 'user.upserted' || !change.fields.email) return true
      // An account's address that is not verified is only shown.
      if (change.isUnverified && change.isAccount) return true
      if (toCanonicalEmail(change.fields.email)) return true
      log.warn({
        event: 'email.refused',
        upstream: change.upstream,
        externalId: toLogged(change.externalId),
      })
      return false
    }

    app.decorate('provisioner', {
      applyIn,
      report,
      onDuplicate: (listener) => void duplicateListeners.push(listener),
      wouldDiffer(known, change) {
        if (!known || (change.type === 'user.upserted' && change.isAccount && !known.isAccount)) return true
        if (isUserChange(change)) return wouldDiffer(known, toRecordFacts(change), keepsOf(rules))
        return wouldDiffer(known, toFacts<unknown>(change), keepsNewest)
      },
      async apply(changes, cause, logOf) {
        const applied = await inTransaction(app.sql, (tx) => applyIn(tx, changes, cause, logOf))
        report(applied, logOf)
        return applied
      },
    } satisfies Provisioner)
  },
  { name: 'firstlogin-provisioner', fastify: '5.x', dependencies: ['firstlogin-db', 'firstlogin-metrics'] },
)

/** The id of a record that stands for an address alone is that address, which no log line holds. */
function toLogged(externalId: string): string {
  return isAddressRecord({ externalId }) ? 'mailto' : externalId
}
