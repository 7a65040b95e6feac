import { setTimeout as sleep } from 'node:timers/promises'
import { hash as argon2 } from '@node-rs/argon2'
import { hash as bcrypt } from 'bcrypt'
import { hashPassword } from '../../../domain/password.ts'
import { type Attack, atMost } from './support/attack.ts'
import { countStatuses, createLoginClients, p99, paced } from './support/logins.ts'

const password = 'correct horse battery staple'
const quietPerSecond = 8

/** The most expensive accepted hashes are tried at 10/s, from one network and from many, while others log in. */
export default {
  name: 'costly-hash',
  async run({ createWorld, isShort, say }) {
    const seconds = isShort ? 10 : 30
    const world = await createWorld()
    const target = await world.start({ LOGIN_RATE_PER_MINUTE: '6000' })
    const { login, close } = createLoginClients(target.url)
    const add = (id: string, email: string, hash: string) => {
      world.airtable.records.put(id.padEnd(17, '0'), { Email: email, 'Password Hash': hash })
      return email
    }
    const ours = await hashPassword(password)
    const quiet = Array.from({ length: 20 }, (_, i) => add(`recQuiet${i}x`, `quiet${i}@example.org`, ours))
    for (const [i, email] of quiet.entries()) await login(`198.51.100.${i}`, email, password)
    const logIn = (index: number) => login(`198.51.100.${index % 20}`, quiet[index % 20] ?? '', password)

    const rows = []
    const argon2Max = await argon2(password, { memoryCost: 131_072, timeCost: 5, parallelism: 8 })
    const hashes = { 'argon2 128 MiB, t=5, p=8': argon2Max, 'bcrypt 12': await bcrypt(password, 12) }
    for (const [kind, hash] of Object.entries(hashes)) {
      const tag = kind.slice(0, 1)
      const costly = Array.from({ length: 40 }, (_, i) =>
        add(`recC${tag}${i}x`, `costly${tag}${i}@example.org`, hash),
      )
      const idle = await paced(quietPerSecond, seconds, logIn)
      const attacks = {
        'one account, one network': (i: number) => login('203.0.113.1', costly[0] ?? '', `wrong ${i}`),
        'forty accounts, forty networks': (i: number) =>
          login(`203.0.113.${100 + (i % 40)}`, costly[i % 40] ?? '', `wrong ${i}`),
      }
      for (const [how, attack] of Object.entries(attacks)) {
        const [during, attacked] = await Promise.all([
          paced(quietPerSecond, seconds, logIn),
          paced(10, seconds, attack),
        ])
        await sleep(5000)
        const after = await paced(quietPerSecond, seconds, logIn)
        say(
          `${kind}, ${how}: idle ${p99(idle).toFixed()} ms, during ${p99(during).toFixed()} ms, attacker ${countStatuses(attacked)}, others ${countStatuses(during)}`,
        )
        const name = `${kind}, ${how}: p99 of others`
        rows.push(atMost(`${name}, against idle`, p99(during) / p99(idle), 3, 'times'))
        rows.push(atMost(`${name}, from 5 s after it on`, p99(after) / p99(idle), 1.2, 'times'))
        rows.push(atMost(`${name}, refused`, during.filter(({ status }) => status !== 200).length, 0))
      }
    }
    await close()
    return rows
  },
} satisfies Attack
