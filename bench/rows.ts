import type { FirstLogin } from './first-logins.ts'
import type { FirstRequest } from './first-requests.ts'
import { type Issuer, issuers } from './identity.ts'
import type { MeasureName } from './measures.ts'
import { median, quantile, ratios } from './statistics.ts'

/** All figures of a run, round by round. */
export interface Figures {
  perSecond: Record<MeasureName, number[]>
  eventsP99Ms: number[]
  firstLogins: FirstLogin[]
  firstRequests: Record<Issuer, FirstRequest[]>
  memory: Memory | undefined
  memoryAfterEvents: Memory | undefined
}

/** In megabytes. */
interface Memory {
  now: number
  highest: number
}

export interface Row {
  name: string
  figure: number
  unit: '/s' | 'ms' | 'MB'
  /** What it is held against. */
  beside?: { name: string; figure: number }
  /** The figure by what is beside it: the median of the rounds' own quotients. */
  ratio?: number
  goal?: { kind: 'share' | 'times' | 'most'; value: number }
}

/** Those whose figures were taken. */
export function toRows(figures: Figures): Row[] {
  const { perSecond, eventsP99Ms, firstLogins, firstRequests, memory, memoryAfterEvents } = figures
  const compare = (
    name: string,
    ours: MeasureName,
    [besideName, theirs]: [string, MeasureName],
    goal: NonNullable<Row['goal']>,
  ): Row => ({
    name,
    figure: median(perSecond[ours]),
    unit: '/s',
    beside: { name: besideName, figure: median(perSecond[theirs]) },
    ratio: median(ratios(perSecond[ours], perSecond[theirs])),
    goal,
  })
  const rows: Row[] = [
    compare('login', 'login', ['argon2id verify alone', 'argon2Verify'], { kind: 'share', value: 0.9 }),
    compare('login', 'login', ['better-auth sign-in', 'peerSignIn'], { kind: 'times', value: 8 }),
    compare('/api/auth/me', 'me', ['better-auth get-session', 'peerSession'], { kind: 'times', value: 30 }),
    compare('/api/auth/me', 'me', ['bare @fastify/jwt, cached', 'bareMe'], { kind: 'share', value: 0.6 }),
    compare('identity, later requests', 'identity', ['bare @fastify/jwt, cached', 'bareIdentity'], {
      kind: 'share',
      value: 0.6,
    }),
    { name: 'refresh', figure: median(perSecond.refresh), unit: '/s' },
    compare('signed events', 'events', ['bare HMAC and insert', 'bareEvents'], { kind: 'times', value: 1.5 }),
    {
      name: 'signed events, p99',
      figure: median(eventsP99Ms),
      unit: 'ms',
      goal: { kind: 'most', value: 100 },
    },
    ...toOwnCostRows('read-through', firstLogins),
    ...issuers.flatMap((issuer) => toOwnCostRows(`first request, ${issuer}`, firstRequests[issuer])),
    ...(memory
      ? ([
          { name: 'memory after load', figure: memory.now, unit: 'MB', goal: { kind: 'most', value: 150 } },
          { name: 'memory at its highest', figure: memory.highest, unit: 'MB' },
        ] as const)
      : []),
    ...(memoryAfterEvents
      ? ([{ name: 'memory after events', figure: memoryAfterEvents.now, unit: 'MB' }] as const)
      : []),
  ]
  return rows.filter(({ figure, ratio = 1 }) => !Number.isNaN(figure) && !Number.isNaN(ratio))
}

/** Something done for the first time, and beside it what is done again and again. */
type First = FirstRequest & { upstream?: number }

function toOwnCostRows(name: string, firsts: First[]): Row[] {
  const own = toOwnCosts(firsts)
  return [
    { name: `${name}, own cost, p50`, figure: quantile(own, 0.5), unit: 'ms' },
    {
      name: `${name}, own cost, p95`,
      figure: quantile(own, 0.95),
      unit: 'ms',
      goal: { kind: 'most', value: 15 },
    },
  ]
}

/**
 * What a first time takes beyond the upstream's answer and an ordinary time: of the latter the median is taken off, so
 * that the ups and downs of an ordinary one stay in.
 */
export function toOwnCosts(firsts: First[]): number[] {
  const usual = median(firsts.map(({ ordinary }) => ordinary))
  return firsts.map(({ total, upstream = 0 }) => total - upstream - usual)
}

/** How much of the goal was reached, 1 being all of it; undefined without a goal. */
export function reached({ figure, ratio, goal }: Row): number | undefined {
  if (!goal) return undefined
  return goal.kind === 'most' ? goal.value / figure : (ratio ?? Number.NaN) / goal.value
}
