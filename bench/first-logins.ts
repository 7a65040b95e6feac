import { newcomer, people } from './people.ts'
import { signIn } from './sign-in.ts'
import { sleepUntil, time } from './timing.ts'
import type { World } from './world.ts'

/** Milliseconds of one newcomer's first login, and of the same machine's other doings in the same quarter second. */
export interface FirstLogin {
  /** The whole login, from here. */
  total: number
  /** The stand-in's part of it. */
  upstream: number
  /** The whole login of somebody whom Postgres knows. */
  ordinary: number
}

/** The budget is four calls a second: with this distance nobody waits for a turn. */
const distanceMs = 270

/** People whom only the upstream knows sign in, one after the other. */
export async function measureFirstLogins(world: World, first: number, count: number): Promise<FirstLogin[]> {
  const logins: FirstLogin[] = []
  await signIn(world.service.url, people[0]?.email ?? '')
  for (let index = first; index < first + count; index += 1) {
    const started = performance.now()
    world.upstream.read()
    const total = await time(() => signIn(world.service.url, newcomer(index).email))
    const { ms: upstream, answers } = world.upstream.read()
    if (answers !== 1) throw new Error(`A first login made ${answers} calls instead of one.`)
    await sleepUntil(started + distanceMs / 2)
    const ordinary = await time(() => signIn(world.service.url, people[index % people.length]?.email ?? ''))
    logins.push({ total, upstream, ordinary })
    await sleepUntil(started + distanceMs)
  }
  return logins
}
