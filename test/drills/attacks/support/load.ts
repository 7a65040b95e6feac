import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** The attackers run in a process of their own, so that what they do does not count as waiting for an answer. */
export interface Load {
  /** Ends all that it has open, and returns how many requests it has sent. */
  stop(): Promise<number>
}

export interface LoadPlan {
  port: number
  clients: number
  /** What each client sends on each connection; `{n}` is its number. */
  texts: string[]
  /** Bytes that follow, as far as they are taken. */
  extraBytes: number
  /** Whether a client keeps its connection as long as it can, or closes it once an answer has come. */
  isHolding: boolean
  /** How long a client waits before it connects again. */
  pauseMs: number
}

export async function startLoad(plan: LoadPlan): Promise<Load> {
  const program = fileURLToPath(new URL('load-process.ts', import.meta.url))
  const attackers = fork(program, [JSON.stringify(plan)])
  const killWithUs = () => attackers.kill('SIGKILL')
  process.once('exit', killWithUs)
  await once(attackers, 'message')
  return {
    async stop() {
      attackers.send('stop')
      const [sent] = (await once(attackers, 'message')) as [number]
      process.off('exit', killWithUs)
      attackers.kill('SIGKILL')
      await once(attackers, 'exit')
      return sent
    },
  }
}
