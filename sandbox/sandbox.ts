import { join, resolve } from 'node:path'
import { createAirtableStandIn } from './airtable/stand-in.ts'
import { readExposure, refuseExposure } from './exposure.ts'
import { makeFolder } from './postgres/folders.ts'
import { findPort } from './postgres/port.ts'
import { startPostgres } from './postgres.ts'
import { announce, findRunning } from './running.ts'
import { findSecret } from './secret.ts'
import {
  airtableSettings,
  type Env,
  isOn,
  isSet,
  listStandIns,
  needsAirtable,
  needsVendor,
} from './stand-ins.ts'
import { createSecretOf, vendorSandboxes } from './vendors.ts'

type Say = (line: string) => void

/** What stands in for everything that is not configured, one by one. */
export interface Sandbox {
  /** The settings with the gaps filled. */
  env: Env
  /** Each stand-in and where it is, for the banner. */
  lines: string[]
  /** Somebody whom the Airtable stand-in knows, if there is one. */
  login?: { email: string; password: string }
  stop(): Promise<void>
}

const token = 'patSandbox.token'

/** Far above what one developer needs, and still a limit. */
const generousLogins = '6000'

/**
 * Starts what is missing. `dataDir` keeps the database and the secret between runs. Throws where a stand-in would be
 * needed and the service can be reached by others.
 */
export async function startSandbox(env: Env, dataDir: string, say: Say = () => {}): Promise<Sandbox> {
  const filled: Record<string, string> = {}
  const stops: (() => Promise<void>)[] = []
  const stop = async () => {
    await Promise.all(stops.map((each) => each()))
  }
  const sandbox: Sandbox = { env, lines: [], stop }
  const has = (...names: string[]) => names.some((name) => isSet(env, name))
  refuseExposure(readExposure(env), listStandIns(env))

  try {
    // Whoever brings the database and the secret needs no folder, and may have none to write to.
    const isKept = !has('DATABASE_URL') || !has('FIRSTLOGIN_SECRET')
    const folder = isKept ? (await makeFolder(resolve(dataDir))).path : dataDir
    const port = await choosePort(env)
    if (env['PORT']) filled['PORT'] = String(port)
    if (env['UPSTREAMS']) filled['UPSTREAMS'] = env['UPSTREAMS']
    if (!has('BASE_URL')) filled['BASE_URL'] = `http://127.0.0.1:${port}`
    if (!has('LOGIN_RATE_PER_MINUTE')) filled['LOGIN_RATE_PER_MINUTE'] = generousLogins
    if (!has('FIRSTLOGIN_SECRET')) filled['FIRSTLOGIN_SECRET'] = await findSecret(folder)
    if (!has('DATABASE_URL')) {
      const postgres = await startPostgres({ dataDir: join(folder, 'postgres'), log: say })
      stops.push(postgres.stop)
      filled['DATABASE_URL'] = postgres.url
      sandbox.lines.push(`PostgreSQL   ${postgres.url} (embedded, kept in ${join(folder, 'postgres')})`)
    }
    if (needsAirtable(env)) {
      const airtable = createAirtableStandIn({ token })
      stops.push(airtable.close)
      const url = await listenNear(airtable, port)
      Object.assign(filled, {
        AIRTABLE_TOKEN: token,
        AIRTABLE_BASE_ID: airtable.baseId,
        AIRTABLE_TABLE: 'Users',
        AIRTABLE_API_URL: url,
      })
      sandbox.login = { email: 'ada@example.com', password: 'analytical-engine' }
      sandbox.lines.push(...linesFor(url, airtable.baseId))
    }
    const secretOf = createSecretOf(filled['FIRSTLOGIN_SECRET'] || env['FIRSTLOGIN_SECRET'] || folder)
    for (const sandboxed of vendorSandboxes) {
      if (!needsVendor(env, sandboxed)) continue
      const vendor = sandboxed.prepare(`http://127.0.0.1:${port}`, secretOf)
      stops.push(vendor.standIn.close)
      const url = await listenNear(vendor.standIn, port)
      Object.assign(filled, vendor.settings(url))
      sandbox.lines.push(...vendor.lines(url))
    }
    if (isOn(env, 'USER_WEBHOOK_SYNC_ENABLED') && !has('AIRTABLE_USER_SYNC_SECRET')) {
      const secret = secretOf('user events')
      filled['AIRTABLE_USER_SYNC_SECRET'] = secret
      sandbox.lines.push(`User events  http://127.0.0.1:${port}/api/sync/users/inbound (secret ${secret})`)
    }
    if (isKept) stops.push(await announce(folder, filled))
  } catch (error) {
    await stop()
    throw error
  }
  return { ...sandbox, env: { ...env, ...filled } }
}

/** For a chore: the sandbox that runs on this folder already, or one for as long as the chore takes. */
export async function joinSandbox(env: Env, dataDir: string, say: Say = () => {}): Promise<Sandbox> {
  const made = await findRunning(dataDir)
  if (!made) return startSandbox(env, dataDir, say)
  // A vendor of one's own borrows nothing of the stand-in's: its token is for nobody else.
  const own = [airtableSettings, ...vendorSandboxes.map(({ settings }) => settings)].filter((settings) =>
    settings.some((name) => isSet(env, name)),
  )
  const missing = Object.entries(made).filter(
    ([name]) => !isSet(env, name) && !own.some((settings) => settings.includes(name)),
  )
  return { env: { ...env, ...Object.fromEntries(missing) }, lines: [], stop: async () => {} }
}

/** The service's own; a wrong one is for the settings to complain about. */
async function choosePort(env: Env): Promise<number> {
  const wanted = Number(env['PORT'] || 3000)
  return wanted === 0 ? findPort(0) : wanted
}

/** On the port after the service's, or the next free one. */
async function listenNear(standIn: { listen(port: number): Promise<string> }, port: number): Promise<string> {
  const first = port + 1
  for (let candidate = first; candidate < first + 20 && candidate < 65_536; candidate++) {
    try {
      return await standIn.listen(candidate)
    } catch (error) {
      const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
      if (!isTaken) throw error
    }
  }
  return standIn.listen(0)
}

function linesFor(url: string, baseId: string): string[] {
  return [
    `Airtable     ${url}/v0/${baseId}/Users (stand-in; token ${token})`,
    `  people     ${url}/__control/records`,
    `  faults     curl -X PUT ${url}/__control/fault -H 'content-type: application/json' -d '{"kind":"stall"}'`,
    `  mailbox    ${url}/__mailbox`,
  ]
}
