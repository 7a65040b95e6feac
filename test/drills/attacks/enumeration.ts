import { setTimeout as sleep } from 'node:timers/promises'
import { hash as bcrypt } from 'bcrypt'
import type { Sql } from 'postgres'
import { Agent, request } from 'undici'
import { uuidv7 } from 'uuidv7'
import { hashPassword } from '../../../domain/password.ts'
import { type Attack, type AttackContext, atMost, type Row } from './support/attack.ts'
import { auc } from './support/statistics.ts'
import type { World } from './support/world.ts'

/** Of the accounts that the attacker wants to tell from addresses that he invents. */
const classes = ['argon2', 'disabled', 'deleted', 'upstream only', 'bcrypt 10', 'bcrypt 12'] as const
type Kind = (typeof classes)[number] | 'unknown'
const kinds: readonly Kind[] = ['unknown', ...classes]

/** `parallel`: the target and two invented addresses at the same moment. */
const modes = ['sequential', 'parallel'] as const
type Mode = (typeof modes)[number]

/** What the attacker reads off: the target's time, or that of his own addresses beside it, or how the two compare. */
const measures = ['target', 'beside it', 'difference'] as const

/** Options, as variables of the environment. */
const options = {
  samples: Number(process.env['ENUMERATION_SAMPLES'] ?? 2000),
  shortSamples: Number(process.env['ENUMERATION_SAMPLES'] ?? 60),
  /** Attackers on networks of their own, who do not wait for one another. */
  streams: Number(process.env['ENUMERATION_STREAMS'] ?? 4),
  upstreams: (process.env['ENUMERATION_UPSTREAMS'] ?? '0,100,400,down').split(','),
}

interface Target {
  kind: Kind
  mode: Mode
  email: string
  recordId: string
}

/** The milliseconds of the target, and of the invented addresses beside it. */
interface Times {
  target: number
  others: number[]
}

type Samples = Map<string, Times[]>
const keyOf = (mode: Mode, attempt: number, kind: Kind) => `${mode} ${attempt} ${kind}`

export default {
  name: 'enumeration',
  async run(context) {
    const rows: Row[] = []
    for (const upstream of options.upstreams) {
      const own = await attack(context, upstream)
      for (const { attack: title, figure } of own) context.say(`${title}: ${figure}`)
      rows.push(...own)
    }
    return rows
  },
} satisfies Attack

async function attack(context: AttackContext, upstream: string): Promise<Row[]> {
  const count = context.isShort ? options.shortSamples : options.samples
  const world = await context.createWorld()
  const service = await world.start({ LOGIN_RATE_PER_MINUTE: '1000000', LOG_LEVEL: 'warn' })
  const agent = new Agent({ connections: 100, keepAliveTimeout: 600_000 })
  const samples: Samples = new Map()
  let [done, clients, invented, unexpected] = [0, 0, 0, 0]

  async function timeOf(email: string, network: string): Promise<number> {
    const startedAt = performance.now()
    const reply = await request(`${service.url}/api/auth/login`, {
      dispatcher: agent,
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-forwarded-for': network },
      body: JSON.stringify({ email, password: 'not the password' }),
    })
    await reply.body.dump()
    const tookMs = performance.now() - startedAt
    const expected = upstream === 'down' ? 503 : 401
    if (reply.statusCode !== expected) unexpected += 1
    return tookMs
  }

  async function probe({ mode, email }: Target, others: string[], network: string): Promise<Times> {
    if (mode === 'sequential') return { target: await timeOf(email, network), others: [] }
    // In a place of its own each time, so that it is not always the first to arrive.
    const addresses = others.toSpliced(Math.floor(Math.random() * 3), 0, email)
    const times = await Promise.all(addresses.map((address) => timeOf(address, network)))
    const at = addresses.indexOf(email)
    return { target: times[at] ?? Number.NaN, others: times.toSpliced(at, 1) }
  }

  async function run(targets: Target[], upstreamHash: string): Promise<void> {
    for (let target = targets.pop(); target; target = targets.pop()) {
      clients += 1
      const network = `10.${clients >> 16}.${(clients >> 8) & 255}.${clients & 255}`
      const others = [1, 2].map(() => `invented.${(invented += 1)}@example.org`)
      const { recordId, kind, email } = target
      if (kind === 'upstream only')
        world.airtable.records.put(recordId, { Email: email, 'Password Hash': upstreamHash })
      for (const attempt of [1, 2]) {
        const key = keyOf(target.mode, attempt, kind)
        const all = samples.get(key) ?? []
        samples.set(key, all)
        all.push(await probe(target, others, network))
      }
      if (kind === 'upstream only') world.airtable.records.remove(recordId)
      done += 1
      if (done % 500 === 0)
        context.say(`upstream ${upstream}: ${done} of ${count * kinds.length * modes.length}`)
      // Attackers do not act in step.
      await sleep(Math.random() * 50)
    }
  }

  try {
    const hash = await hashPassword('the password of all')
    const targets = shuffle(createTargets(count))
    await addAccounts(world.sql, targets, hash)
    // The first logins of a process are slower than all that come later.
    for (let warmUp = 0; warmUp < 20; warmUp += 1)
      await timeOf(`warm.${warmUp}@example.org`, '10.255.255.1').catch(() => {})
    begin(world, upstream)
    for (let warmUp = 20; warmUp < 30; warmUp += 1)
      await timeOf(`warm.${warmUp}@example.org`, '10.255.255.2').catch(() => {})
    await Promise.all(Array.from({ length: options.streams }, () => run(targets, hash)))
  } finally {
    await agent.destroy()
    await service.stop()
  }
  const share = unexpected / (count * kinds.length * 8)
  return [
    atMost(`wrong passwords answered otherwise, upstream ${toPlace(upstream)}`, 100 * share, 1, '%'),
    ...modes.flatMap((mode) => [1, 2].flatMap((attempt) => toRows(samples, upstream, mode, attempt, count))),
  ]
}

function createTargets(count: number): Target[] {
  return kinds.flatMap((kind) =>
    modes.flatMap((mode) =>
      Array.from({ length: count }, (_, index) => ({
        kind,
        mode,
        email: `${kind}.${mode}.${index}@example.net`.replaceAll(' ', '-'),
        recordId: `rec${(index * modes.length + modes.indexOf(mode)).toString().padStart(14, '0')}`,
      })),
    ),
  )
}

/** All accounts with one password, which the attacker does not know. */
async function addAccounts(sql: Sql, targets: Target[], argon2Hash: string): Promise<void> {
  const hashes: Partial<Record<Kind, string>> = {
    argon2: argon2Hash,
    disabled: argon2Hash,
    deleted: argon2Hash,
    'bcrypt 10': await bcrypt('the password of all', 10),
    'bcrypt 12': await bcrypt('the password of all', 12),
  }
  const stored = targets.filter(({ kind }) => kind in hashes)
  const rows = stored.map(({ kind, email }) => ({
    id: uuidv7(),
    email,
    email_canonical: email,
    status: kind === 'disabled' || kind === 'deleted' ? kind : 'active',
    role: 'member',
    password_hash: hashes[kind] ?? null,
  }))
  for (let from = 0; from < rows.length; from += 1000)
    await sql`insert into firstlogin.users ${sql(rows.slice(from, from + 1000))}`
  await sql`
    insert into firstlogin.identities (upstream, external_id, user_id, email_canonical)
    select 'airtable', 'rec' || substr(replace(id::text, '-', ''), 19, 14), id, email_canonical from firstlogin.users`
  await sql`vacuum analyze firstlogin.users, firstlogin.identities`
}

function begin({ airtable }: World, upstream: string): void {
  if (upstream === 'down') airtable.setFault({ kind: 'error_500' })
  else airtable.setFault({ kind: 'none', latencyMs: Number(upstream) })
}

function toRows(samples: Samples, upstream: string, mode: Mode, attempt: number, count: number): Row[] {
  const strangers = samples.get(keyOf(mode, attempt, 'unknown')) ?? []
  // The value of two samples that do not differ lies within three of its standard errors in 997 of 1,000 cases.
  const limit = 0.5 + Math.max(0.05, (3 * 0.41) / Math.sqrt(count))
  return measures
    .filter((measure) => mode === 'parallel' || measure === 'target')
    .map((measure): Row => {
      const values = classes.map((kind) => {
        const known = samples.get(keyOf(mode, attempt, kind)) ?? []
        return { kind, value: auc(known.map(valueOf(measure)), strangers.map(valueOf(measure))) }
      })
      const worst = Math.max(...values.map(({ value }) => value))
      const order = attempt === 1 ? 'first' : 'second'
      return {
        attack: `is there an account: ${mode}, ${order} attempt, upstream ${toPlace(upstream)}, ${measure}`,
        figure: `AUC ${values.map(({ kind, value }) => `${kind} ${value.toFixed(3)}`).join(', ')} (n=${strangers.length})`,
        limit: `at most ${limit.toFixed(3)} each`,
        verdict: worst <= limit ? 'held' : 'failed',
      }
    })
}

function toPlace(upstream: string): string {
  return upstream === 'down' ? upstream : `${upstream} ms away`
}

function valueOf(measure: (typeof measures)[number]): (times: Times) => number {
  const mean = ({ others }: Times) => others.reduce((sum, one) => sum + one, 0) / others.length
  if (measure === 'target') return ({ target }) => target
  if (measure === 'beside it') return mean
  return (times) => times.target - mean(times)
}

function shuffle<T>(values: T[]): T[] {
  return values
    .map((value) => ({ value, order: Math.random() }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ value }) => value)
}
