import type { Attack, Row } from './support/attack.ts'

const turns = 6

/** A thief presents each refresh token right after its owner has used it. */
export default {
  name: 'refresh-follow',
  async run({ createWorld }) {
    const world = await createWorld()
    const target = await world.start()
    const post = (path: string, body: object, client: { network: string; userAgent: string }) =>
      fetch(`${target.url}/api/auth/${path}`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': client.userAgent,
          'x-forwarded-for': client.network,
        },
        body: JSON.stringify(body),
      })
    const owner = { network: '192.0.2.1', userAgent: 'Firefox' }

    /** How often the thief got tokens, and what the log says about that. */
    async function follow(thief: typeof owner) {
      const lines = (await target.readLog()).length
      const login = await post('login', { email: 'ada@example.com', password: 'analytical-engine' }, owner)
      let { refreshToken } = (await login.json()) as { refreshToken: string }
      let followed = 0
      for (let turn = 0; turn < turns; turn += 1) {
        const stolen = refreshToken
        const own = await post('refresh', { refreshToken }, owner)
        if (!own.ok) break
        ;({ refreshToken } = (await own.json()) as { refreshToken: string })
        if ((await post('refresh', { refreshToken: stolen }, thief)).ok) followed += 1
      }
      const log = (await target.readLog()).slice(lines)
      const count = (event: string) => log.filter((line) => line['event'] === event).length
      return { followed, shared: count('session.shared'), reuse: count('session.reuse_detected') }
    }

    const stranger = await follow({ ...owner, network: '198.51.100.7', userAgent: 'curl' })
    const copy = await follow({ ...owner, network: '198.51.100.7' })
    return [
      {
        attack: 'a thief with another user agent follows within the grace',
        figure: `${stranger.followed} of ${turns}, ${stranger.reuse} log line`,
        limit: '0, session ended and logged',
        verdict: stranger.followed === 0 && stranger.reuse === 1 ? 'held' : 'failed',
      },
      {
        attack: 'a thief with the same user agent follows from another network',
        figure: `${copy.followed} of ${turns}, ${copy.shared} log lines`,
        limit: 'each one logged',
        verdict: copy.shared >= copy.followed ? 'held' : 'failed',
      },
    ] satisfies Row[]
  },
} satisfies Attack
