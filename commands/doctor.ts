import { createHttp } from '../plugins/http.ts'
import { readArguments } from './arguments.ts'
import type { Command } from './command.ts'
import type { Check } from './doctor/check.ts'
import { checkDatabase } from './doctor/database.ts'
import { checkRedis } from './doctor/redis.ts'
import { checkUpstream } from './doctor/upstream.ts'

const labels = { ok: 'ok   ', warn: 'warn ', fail: 'FAIL ' }

export const doctor: Command = {
  usage: 'doctor',
  summary: 'check the settings, the database, Redis, and each upstream with one call',
  async run(config, args, output, standIns = new Set()) {
    readArguments(args, { options: {}, min: 0, max: 0 })
    const checks: Check[] = []
    const add = (found: Check[]) => {
      for (const { state, name, detail } of found) output.line(`${labels[state]} ${name}: ${detail}`)
      checks.push(...found)
    }
    add(await checkDatabase(config, standIns.has('DATABASE_URL')))
    if (config.REDIS_URL !== undefined) add([await checkRedis(config.REDIS_URL)])
    const { http, close } = createHttp()
    for (const upstream of config.upstreams)
      add(await checkUpstream(upstream, http, standIns.has(upstream.settings?.credentials ?? '')))
    await close()
    output.result({ checks })
    return checks.some(({ state }) => state === 'fail') ? 1 : 0
  },
}
