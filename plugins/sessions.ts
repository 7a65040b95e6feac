import fp from 'fastify-plugin'
import { LRUCache } from 'lru-cache'
import { type Belonging, listBelongings } from '../db/members.ts'
import { adoptSession, findSession, type Session } from '../db/sessions.ts'
import type { StoredUser } from '../db/users.ts'
import { FirstloginError } from '../errors.ts'
import type { RequestLines } from './request-log/lines.ts'

declare module 'fastify' {
  interface FastifyInstance {
    sessions: Sessions
  }
}

export interface Visit {
  user: StoredUser
  session: Session
  /** What the person belongs to. */
  belongings: Belonging[]
}

/** Sessions in force and their people, answered from memory for as long as nobody says that they changed. */
export interface Sessions {
  /** Throws FL_SESSION_INVALID for a session that has ended or whose person is not active. */
  get(visitor: { userId: string; sessionId: string }, log?: RequestLines): Promise<Visit>
  /** The row of the session's person was lost: whoever stands for the same identity upstream takes its place. */
  repair(session: Session, log?: RequestLines): Promise<StoredUser | undefined>
  /** For what this instance changes itself: the next answer must not wait for our own notice to come back. */
  forget(userId: string): void
}

export interface SessionsOptions {
  /** How long an answer is kept, should no notice come. Default 30 s. */
  cacheTtlMs?: number
}

export default fp<SessionsOptions>(
  async function sessionsPlugin(app, { cacheTtlMs = 30_000 }) {
    // By person, then by session: a notice about a person ends all of their entries at once.
    // The time to live is counted from a person's first entry: a later one must not keep the older ones young.
    const people = new LRUCache<string, Map<string, Visit>>({
      max: 10_000,
      ttl: cacheTtlMs,
      noUpdateTTL: true,
    })
    let notices = 0
    app.notices.subscribe((notice) => {
      if (notice && 'userId' in notice) return forget(notice.userId)
      notices += 1
      if (notice && 'organizationId' in notice) forgetMembers(notice.organizationId)
      if (notice === undefined) people.clear()
    })

    function forget(userId: string): void {
      notices += 1
      people.delete(userId)
    }

    function forgetMembers(organizationId: string): void {
      const isMember = ({ belongings }: Visit) =>
        belongings.some(({ organization }) => organization.id === organizationId)
      for (const [userId, visits] of people) if ([...visits.values()].some(isMember)) people.delete(userId)
    }

    async function get(visitor: { userId: string; sessionId: string }, log?: RequestLines): Promise<Visit> {
      const kept = app.notices.isLive ? people.get(visitor.userId)?.get(visitor.sessionId) : undefined
      if (kept && kept.session.expiresAt.getTime() > Date.now()) return kept
      const before = notices
      const visit = await load(visitor.sessionId, log)
      // A notice that came meanwhile may be about what was just read.
      if (before === notices && app.notices.isLive && visit.user.id === visitor.userId) keep(visit)
      return visit
    }

    async function load(sessionId: string, log?: RequestLines): Promise<Visit> {
      const found = await findSession(app.sql, sessionId)
      if (!found) throw new FirstloginError('FL_SESSION_INVALID')
      const user = found.user ?? (await repair(found.session, log))
      if (user?.status !== 'active') throw new FirstloginError('FL_SESSION_INVALID')
      app.readThrough.recheck(user)
      return { user, session: found.session, belongings: await listBelongings(app.sql, user.id) }
    }

    function keep(visit: Visit): void {
      const sessions = people.get(visit.user.id) ?? new Map<string, Visit>()
      sessions.set(visit.session.id, visit)
      people.set(visit.user.id, sessions)
    }

    async function repair(session: Session, log?: RequestLines): Promise<StoredUser | undefined> {
      if (!session.identity) return undefined
      const user = await app.readThrough.byIdentity(
        session.identity.upstream,
        session.identity.externalId,
        log,
      )
      if (user) await adoptSession(app.sql, session.id, user.id)
      return user
    }

    app.decorate('sessions', { get, repair, forget } satisfies Sessions)
  },
  {
    name: 'firstlogin-sessions',
    fastify: '5.x',
    dependencies: ['firstlogin-notices', 'firstlogin-read-through'],
  },
)
