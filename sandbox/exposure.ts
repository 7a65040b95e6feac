import { readFileSync } from 'node:fs'
import { isLoopback } from './loopback.ts'
import type { Env } from './stand-ins.ts'

/** The settings that say from where the service can be reached. */
export interface Exposure {
  HOST?: string | undefined
  BASE_URL?: string | undefined
  FIRSTLOGIN_SANDBOX?: string | undefined
}

/** A file that cannot be read is for the settings to complain about. */
export function readExposure(env: Env): Exposure {
  const read = (name: keyof Exposure) => {
    const path = env[`${name}_FILE`]
    try {
      return env[name] || (path ? readFileSync(path, 'utf8').trim() : undefined)
    } catch {
      return undefined
    }
  }
  return { HOST: read('HOST'), BASE_URL: read('BASE_URL'), FIRSTLOGIN_SANDBOX: read('FIRSTLOGIN_SANDBOX') }
}

/**
 * Throws one sentence where others could reach a service that runs on stand-ins: these have well-known users.
 * `standIns` names what would be made up; FIRSTLOGIN_SANDBOX=1 allows it.
 */
export function refuseExposure(settings: Exposure, standIns: string[]): void {
  const { HOST, BASE_URL, FIRSTLOGIN_SANDBOX } = settings
  if (standIns.length === 0 || ['1', 'true'].includes(FIRSTLOGIN_SANDBOX?.toLowerCase() ?? '')) return
  const open = [isOpenHost(HOST) && 'HOST', isOpenUrl(BASE_URL) && 'BASE_URL'].filter(
    (name) => name !== false,
  )
  if (open.length === 0) return
  throw new Error(
    `${open.join(' and ')} ${open.length > 1 ? 'are' : 'is'} not for this machine alone, and the sandbox would stand in ` +
      `for ${standIns.join(', ')} with well-known users and secrets: set NODE_ENV=production and what is missing, or ` +
      'FIRSTLOGIN_SANDBOX=1 if you want the sandbox all the same.',
  )
}

function isOpenHost(host: string | undefined): boolean {
  return Boolean(host) && !isLoopback(host ?? '')
}

/** TLS stands for a proxy in front, whatever the name. A URL that is none is for the settings to complain about. */
function isOpenUrl(url: string | undefined): boolean {
  if (!url || !URL.canParse(url)) return false
  const { protocol, hostname } = new URL(url)
  return protocol === 'https:' || !isLoopback(hostname)
}
