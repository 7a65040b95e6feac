import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export interface LoginFloodPlan {
  url: string
  /** The attempts come from so many client networks in turn. */
  networks: number
  perSecond: number
  seconds: number
}

/** Logins with addresses that do not exist, from a process of its own: what it does must not delay those that are measured. */
export interface LoginFlood {
  /** Resolves when the last one has its answer: how many answers had each status, as text. */
  run(): Promise<string>
}

export async function startLoginFlood(plan: LoginFloodPlan): Promise<LoginFlood> {
  const program = fileURLToPath(new URL('login-flood-process.ts', import.meta.url))
  const attackers = fork(program, [JSON.stringify(plan)])
  const killWithUs = () => attackers.kill('SIGKILL')
  process.once('exit', killWithUs)
  await once(attackers, 'message')
  return {
    async run() {
      attackers.send('start')
      const [statuses] = (await once(attackers, 'message')) as [string]
      process.off('exit', killWithUs)
      attackers.kill('SIGKILL')
      await once(attackers, 'exit')
      return statuses
    },
  }
}
