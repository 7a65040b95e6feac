import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { quantile } from './statistics.ts'

export interface LoginAnswer {
  /** 0 when no answer came. */
  status: number
  ms: number
}

export interface LoginClients {
  login(network: string, email: string, password: string): Promise<LoginAnswer>
  close(): Promise<void>
}

/** Clients of many networks that log in to one target; one that waits for an answer keeps no other from asking. */
export function createLoginClients(url: string): LoginClients {
  const dispatcher = new Agent({
    connections: 2000,
    pipelining: 1,
    keepAliveTimeout: 1000,
    keepAliveMaxTimeout: 1000,
  })

  async function send(network: string, credentials: object): Promise<number> {
    const { statusCode, body } = await request(`${url}/api/auth/login`, {
      dispatcher,
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-forwarded-for': network },
      body: JSON.stringify(credentials),
    })
    await body.dump()
    return statusCode
  }

  return {
    async login(network, email, password) {
      const started = performance.now()
      const status = await send(network, { email, password }).catch(() => 0)
      return { status, ms: performance.now() - started }
    },
    close: () => dispatcher.close(),
  }
}

/** Starts so many a second, whatever becomes of those before; resolves when the last one has its answer. */
export async function paced<T>(
  perSecond: number,
  seconds: number,
  start: (index: number) => Promise<T>,
): Promise<T[]> {
  const began = performance.now()
  const answers: Promise<T>[] = []
  for (let index = 0; index < perSecond * seconds; index += 1) {
    const due = began + (index * 1000) / perSecond
    const early = due - performance.now()
    if (early > 1) await sleep(early)
    answers.push(start(index))
  }
  return Promise.all(answers)
}

export function p99(answers: LoginAnswer[]): number {
  return quantile(
    answers.map(({ ms }) => ms),
    0.99,
  )
}

/** How many answers had each status, as text. */
export function countStatuses(answers: LoginAnswer[]): string {
  const counts = new Map<number, number>()
  for (const { status } of answers) counts.set(status, (counts.get(status) ?? 0) + 1)
  return [...counts].map(([status, count]) => `${count} times ${status}`).join(', ')
}
