import { isMigrated } from '../db/migrate.ts'
import { listSigningKeys } from '../db/signing-keys.ts'
import { createMemoryGate, type GateLimits } from '../domain/gate.ts'
import { createKeyRing } from '../domain/sealing.ts'
import { createHttp } from '../plugins/http.ts'
import { verifySealedKeys } from '../plugins/keys.ts'
import { probe } from '../plugins/upstreams/probe.ts'
import type { Http, UnusableRecord, Upstream } from '../upstreams/upstream.ts'
import { readArguments } from './arguments.ts'
import { type Command, withDatabase } from './command.ts'
import { findStoredExpensiveHashes, findUnusableRecords } from './doctor/unusable-records.ts'

type Check = () => Promise<string>

export const doctor: Command = {
  usage: 'doctor',
  summary: 'check the settings, the database, and each upstream with one call',
  async run(config, args, output) {
    readArguments(args, { options: {}, min: 0, max: 0 })
    const { line: print } = output
    let isWell = true
    const check = async (name: string, look: Check) => {
      try {
        print(`ok    ${name}: ${await look()}`)
      } catch (error) {
        isWell = false
        print(`FAIL  ${name}: ${toReason(error)}`)
      }
    }
    const nameExpensive = (records: string[]) => {
      if (records.length === 0) return
      isWell = false
      print(
        `FAIL  password hashes: too expensive to verify, so that these cannot log in: ${records.join(', ')}`,
      )
    }
    await withDatabase(config, async (sql) => {
      await check('database', async () => {
        const [row] = await sql<{ version: string }[]>`select current_setting('server_version') as version`
        return `PostgreSQL ${row?.version}`
      })
      await check('migrations', async () => {
        if (!(await isMigrated(sql))) throw new Error('behind: run `firstlogin migrate`')
        return 'up to date'
      })
      await check('signing keys', async () => {
        const stored = await listSigningKeys(sql)
        verifySealedKeys(createKeyRing(config.FIRSTLOGIN_SECRET, 'signing-keys'), stored)
        return stored.length === 0
          ? 'made at the first start'
          : `${stored.length}, opened with FIRSTLOGIN_SECRET`
      })
      nameExpensive(await findStoredExpensiveHashes(sql).catch(() => []))
    })
    const { http, close } = createHttp()
    for (const upstream of config.upstreams) {
      await check(upstream.name, () => callOnce(upstream, http))
      const unusable = await findUnusableRecords(upstream, http).catch(() => [])
      const isExpensive = ({ reason }: UnusableRecord) => reason === 'password_hash.too_expensive'
      nameExpensive([
        ...new Set(unusable.filter(isExpensive).map(({ externalId }) => `${upstream.name}:${externalId}`)),
      ])
      for (const { externalId, reason } of unusable.filter((record) => !isExpensive(record)))
        print(`warn  ${upstream.name}: record ${externalId} cannot be used in full (${reason})`)
    }
    await close()
    return isWell ? 0 : 1
  },
}

/** One look-up of somebody who is not there: it shows that the token is right, and the table and its columns. */
async function callOnce(upstream: Upstream, http: Http): Promise<string> {
  const reasons: string[] = []
  const { lookup } = upstream.create({
    http,
    gate: createMemoryGate(spaced(upstream.limits)),
    log: (_level, event, { reason }) => void reasons.push(typeof reason === 'string' ? reason : event),
    clock: Date.now,
    slowMs: 10_000,
  })
  if (!lookup) return 'nothing to look up'
  try {
    await probe(lookup)
    return 'answers'
  } catch (error) {
    throw new Error([...new Set(reasons)].join('; ') || 'no answer', { cause: error })
  }
}

/** Where an address has several numbers, the failure of each is inside and the message empty. */
function toReason(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  return error.message || ('code' in error ? String(error.code) : error.name)
}

/** One call at a time, so that the service beside it keeps most of the budget. */
function spaced({ calls, windowMs, pauseMs }: GateLimits): GateLimits {
  return { calls: 1, windowMs: windowMs / calls, pauseMs }
}
