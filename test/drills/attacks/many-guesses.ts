import { setTimeout as sleep } from 'node:timers/promises'
import { type Attack, atMost } from './support/attack.ts'
import { createLoginClients } from './support/logins.ts'

const right = 'analytical-engine'

/** 400 guesses from 40 networks, all at once, at a known and at an unknown address. */
export default {
  name: 'many-guesses',
  async run({ createWorld }) {
    const world = await createWorld()
    const targets = await Promise.all([world.start(), world.start()])
    const clients = targets.map(({ url }) => createLoginClients(url))
    async function login(index: number, network: string, email: string, password: string) {
      return clients[index % clients.length]?.login(network, email, password)
    }
    /** A guess that was answered 503 told nothing: it is tried again. */
    async function guess(index: number, network: string, email: string): Promise<number | undefined> {
      for (;;) {
        const answer = await login(index, network, email, `guess ${index}`)
        if (answer?.status !== 503) return answer?.status
        await sleep(500)
      }
    }

    await login(0, '198.51.100.1', 'ada@example.com', right)

    const rows = []
    for (const email of ['ada@example.com', 'unknown@example.com']) {
      const answers = await Promise.all(
        Array.from({ length: 400 }, (_, i) => guess(i, `203.0.113.${i % 40}`, email)),
      )
      const looked = answers.filter((status) => status === 401).length
      rows.push(atMost(`400 guesses from 40 networks at ${email}: looked at`, looked, 100))
      const after = await login(0, '192.0.2.1', email, right)
      rows.push({
        attack: `the right password afterwards, from a new network, at ${email}`,
        figure: String(after?.status),
        limit: '429',
        verdict: after?.status === 429 ? ('held' as const) : ('failed' as const),
      })
    }
    const owner = await login(1, '198.51.100.1', 'ada@example.com', right)
    rows.push({
      attack: 'the owner afterwards, from a network where they have logged in before',
      figure: String(owner?.status),
      limit: '200',
      verdict: owner?.status === 200 ? ('held' as const) : ('failed' as const),
    })
    await Promise.all(clients.map(({ close }) => close()))
    return rows
  },
} satisfies Attack
