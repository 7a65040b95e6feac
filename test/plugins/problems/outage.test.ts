import t from 'tap'
import { createClient, isProblem } from '../../routes/auth/client.ts'
import { createProxy } from '../../support/proxy.ts'
import { createWorld } from '../../support/service.ts'
import { until } from '../../support/until.ts'

t.test(
  'while the database is away every route that needs it says so, and all is well when it is back',
  async (t) => {
    const world = await createWorld(t)
    const wire = await createProxy(t, world.url)
    const service = await world.start({ DATABASE_URL: wire.url })
    const { post, refresh, me } = createClient(service.app)
    const tokens = (await service.login('ada@example.com', 'analytical-engine')).json()
    t.equal((await me(tokens.accessToken)).statusCode, 200)

    for (let round = 0; round < 2; round += 1) {
      await wire.cut()
      // Until our end of the wire knows, too.
      await until(async () => (await service.app.inject('/readyz')).statusCode !== 200)
      const [ready, ...replies] = await Promise.all([
        service.app.inject('/readyz'),
        service.login('ada@example.com', 'analytical-engine'),
        service.login('nobody@example.com', 'x'),
        refresh(tokens.refreshToken),
        me(tokens.accessToken),
        post('logout', { refreshToken: tokens.refreshToken }),
      ])
      for (const reply of replies) isProblem(t, reply, 'FL_DATABASE_UNAVAILABLE')
      isProblem(t, ready, 'FL_NOT_READY')
      t.equal((await service.app.inject('/healthz')).statusCode, 200)
      t.equal((await service.app.inject('/.well-known/jwks.json')).statusCode, 200)
      t.equal((await service.app.inject('/metrics')).statusCode, 200)

      await wire.mend()
      await until(async () => (await service.app.inject('/readyz')).statusCode === 200)
      t.equal((await me(tokens.accessToken)).statusCode, 200)
      t.equal((await service.login('ada@example.com', 'analytical-engine')).statusCode, 200)
    }
    t.equal((await refresh(tokens.refreshToken)).statusCode, 200)
    t.notMatch(service.logText(), new URL(world.url).password)
    await service.app.close()
  },
)
