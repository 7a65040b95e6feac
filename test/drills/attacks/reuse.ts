import type { Attack } from './support/attack.ts'

/** A used refresh token is tried again after its grace. */
export default {
  name: 'refresh-reuse',
  async run({ createWorld }) {
    const world = await createWorld()
    const target = await world.start({ REFRESH_GRACE_S: '0' })
    const post = (path: string, body: object) =>
      fetch(`${target.url}/api/auth/${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    const login = await post('login', { email: 'ada@example.com', password: 'analytical-engine' })
    const stolen = (await login.json()) as { refreshToken: string }
    const owner = (await (await post('refresh', stolen)).json()) as { refreshToken: string }
    const thief = await post('refresh', stolen)
    const after = await post('refresh', owner)
    const isHeld = thief.status === 401 && after.status === 401
    return [
      {
        attack: 'a refresh token is used twice',
        figure: `thief ${thief.status}, session ${after.status}`,
        limit: '401 and ended',
        verdict: isHeld ? 'held' : 'failed',
      },
    ]
  },
} satisfies Attack
