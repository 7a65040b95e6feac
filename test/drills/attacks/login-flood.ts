import { setTimeout as sleep } from 'node:timers/promises'
import { hashPassword } from '../../../domain/password.ts'
import { type Attack, atMost } from './support/attack.ts'
import { startLoginFlood } from './support/login-flood.ts'
import { countStatuses, createLoginClients, p99, paced } from './support/logins.ts'

const password = 'correct horse battery staple'
const networks = 40
const quietPerSecond = 8

/** Forty networks log in ten times a second each, with addresses that do not exist, while others log in. */
export default {
  name: 'login-flood',
  async run({ createWorld, isShort, say }) {
    const seconds = isShort ? 10 : 30
    const world = await createWorld()
    const target = await world.start()
    const { login, close } = createLoginClients(target.url)
    const ours = await hashPassword(password)
    const add = (id: string, email: string) => {
      world.airtable.records.put(id.padEnd(17, '0'), { Email: email, 'Password Hash': ours })
      return email
    }
    const quiet = Array.from({ length: 20 }, (_, i) => add(`recQuiet${i}x`, `quiet${i}@example.org`))
    const newcomers = Array.from({ length: 10 }, (_, i) => add(`recNew${i}x`, `new${i}@example.org`))
    for (const [i, email] of quiet.entries()) await login(`198.51.100.${i}`, email, password)
    const logIn = (index: number) => login(`198.51.100.${index % 20}`, quiet[index % 20] ?? '', password)
    // One network away from home for each: nothing but their network's silence speaks for them.
    const logInElsewhere = (index: number) =>
      login(`192.0.2.${index % 20}`, quiet[index % 20] ?? '', password)

    const flood = await startLoginFlood({ url: target.url, networks, perSecond: networks * 10, seconds })
    // The code of failures is compiled before, as in a service that has run for a while.
    await paced(40, 5, (index) => login(`100.64.${index}.1`, `before${index}@example.net`, 'wrong'))
    const idle = await paced(quietPerSecond, seconds, logIn)
    const [during, elsewhere, first, flooded] = await Promise.all([
      paced(quietPerSecond / 2, seconds, logIn),
      // In between, so that there are as many at once as before the flood.
      sleep(1000 / quietPerSecond).then(() => paced(quietPerSecond / 2, seconds, logInElsewhere)),
      paced(10 / seconds, seconds, (index) =>
        login(`192.0.2.${100 + index}`, newcomers[index] ?? '', password),
      ),
      flood.run(),
    ])
    await sleep(5000)
    const after = await paced(quietPerSecond, seconds, logIn)
    say(
      `idle ${p99(idle).toFixed()} ms, recognized ${p99(during).toFixed()} ms, from a new network ${p99(elsewhere).toFixed()} ms, new users ${p99(first).toFixed()} ms`,
    )
    say(
      `flood ${flooded}; recognized ${countStatuses(during)}; elsewhere ${countStatuses(elsewhere)}; new ${countStatuses(first)}`,
    )
    await close()
    const refused = (answers: typeof first) => answers.filter(({ status }) => status !== 200).length
    return [
      atMost('flood of logins: p99 of recognized clients, against idle', p99(during) / p99(idle), 3, 'times'),
      atMost('flood of logins: p99 of quiet networks, against idle', p99(elsewhere) / p99(idle), 3, 'times'),
      atMost('flood of logins: p99 from 5 s after it on', p99(after) / p99(idle), 1.2, 'times'),
      atMost('flood of logins: of 10 new users, refused', refused(first), 0),
      atMost('flood of logins: of known users, refused', refused(during) + refused(elsewhere), 0),
    ]
  },
} satisfies Attack
