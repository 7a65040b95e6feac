import { execFile, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import rateLimit from '../../../plugins/rate-limit.ts'
import { createRedisStandIn, type RedisFault } from '../../support/redis.ts'
import { createWorld } from '../../support/service.ts'
import { until } from '../../support/until.ts'

const limit = 3

/** One instance with a limited route. A busy machine is no slow Redis: it waits longer than a service does. */
async function open(t: Test, redisUrl: string) {
  const lines: string[] = []
  const events = () =>
    lines
      .map((line) => JSON.parse(line) as { event?: string; reason?: string })
      .filter(({ event }) => event?.startsWith('redis.'))
  let isShared = false
  const app: FastifyInstance = Fastify({ logger: { stream: { write: (line) => void lines.push(line) } } })
  t.teardown(() => app.close())
  await app.register(rateLimit, { redisUrl, maxAnswerMs: 250, onShared: (now) => void (isShared = now) })
  app.get('/', { config: { rateLimit: { max: limit, timeWindow: 60_000 } } }, async () => 'ok')
  const ask = async (remoteAddress: string) => (await app.inject({ url: '/', remoteAddress })).statusCode
  return { ask, events, isShared: () => isShared }
}

// https://github.com/fastify/fastify-rate-limit/issues/84: requests took as long as the connection.
// https://github.com/peterkhayes/rolling-rate-limiter/issues/13: they were not answered at all.
// https://github.com/redis/ioredis/issues/634: the client waits for a frozen server for ever.
// https://github.com/rmyndharis/OpenWA/pull/932: counts that wait in the client arrive long after, and twice.
t.test('whatever is wrong with Redis, requests are answered and each instance keeps the limit', async (t) => {
  const redis = await createRedisStandIn(t)
  const instances = [await open(t, redis.url), await open(t, redis.url)]
  let networks = 0
  const untilAll = (isShared: boolean) =>
    until(() => instances.every((instance) => instance.isShared() === isShared))

  /** Asks both instances by turns, from a network of its own; how many requests are within the limit. */
  async function countAllowed(): Promise<number> {
    const address = `198.51.100.${(networks += 1)}`
    const statuses: number[] = []
    for (let i = 0; i <= 2 * limit; i += 1) for (const { ask } of instances) statuses.push(await ask(address))
    return statuses.filter((status) => status === 200).length
  }

  const faultNames = ['frozen', 'slow', 'out of memory', 'wrong password', 'read-only'] as const
  const faults: [name: string, begin: () => Promise<void> | void, end: () => Promise<void> | void][] = [
    ...faultNames.map((fault: RedisFault): (typeof faults)[number] => [
      fault,
      () => redis.setFault(fault),
      () => redis.setFault('none'),
    ]),
    ['dead', redis.stop, redis.start],
  ]
  for (const [name, begin, end] of faults) {
    await untilAll(true)
    t.equal(await countAllowed(), limit, `before it is ${name}, the instances count together`)
    await begin()
    for (const { ask } of instances) t.equal(await ask(`198.51.100.${(networks += 1)}`), 200)
    await untilAll(false)
    const commands = redis.commands
    t.equal(await countAllowed(), 2 * limit, `${name}: each instance counts for itself`)
    if (name === 'frozen') t.equal(redis.commands, commands, 'and none of that is counted later')
    await end()
  }
  await untilAll(true)
  for (const { events } of instances) {
    const [lost, recovered] = [{ event: 'redis.lost' }, { event: 'redis.recovered' }]
    t.match(
      events(),
      faults.flatMap(() => [lost, recovered]),
      'a line when it goes, and one when it is back',
    )
    t.match(
      events().flatMap(({ reason }) => reason ?? []),
      [/^no answer/, /^no answer/, /^OOM/, /closed|NOAUTH/, /^READONLY/, /closed|ECONN/],
      'with the cause',
    )
  }
})

t.test(
  'a service starts without its Redis, is ready, and shares its limits once Redis is there',
  async (t) => {
    const redis = await createRedisStandIn(t)
    await redis.stop()
    const service = await (await createWorld(t)).start({ REDIS_URL: redis.url })
    const { app, login } = service
    const isShared = async () => /^firstlogin_rate_limit_shared 1$/m.test((await app.inject('/metrics')).body)
    t.equal((await login('nobody@example.com', 'x')).statusCode, 401)
    t.equal((await app.inject('/readyz')).statusCode, 200)
    t.notOk(await isShared())
    await until(() => service.log.some(({ event }) => event === 'redis.lost'))
    await redis.start()
    await until(isShared)
  },
)

const hasRedis = await promisify(execFile)('redis-server', ['--version']).then(
  () => true,
  () => false,
)

t.test(
  'the same with a real Redis that is frozen, full, and killed',
  { skip: hasRedis ? false : 'redis-server is not installed' },
  async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'redis-'))
    const socket = join(folder, 'socket')
    const options = ['--port', '0', '--unixsocket', socket, '--save', '', '--dir', folder]
    const launch = () => spawn('redis-server', options, { stdio: 'ignore' })
    let server = launch()
    t.teardown(async () => {
      server.kill('SIGKILL')
      await rm(folder, { recursive: true, force: true })
    })
    const configure = (...settings: string[]) =>
      promisify(execFile)('redis-cli', ['-s', socket, 'config', 'set', ...settings])
    const { ask, isShared } = await open(t, socket)
    const faults: [begin: () => unknown, end: () => unknown][] = [
      [() => server.kill('SIGSTOP'), () => server.kill('SIGCONT')],
      [() => configure('maxmemory', '1'), () => configure('maxmemory', '0')],
      [() => server.kill('SIGKILL'), () => void (server = launch())],
    ]
    for (const [index, [begin, end]] of faults.entries()) {
      await until(isShared)
      await begin()
      const statuses: number[] = []
      for (let i = 0; i <= limit; i += 1) statuses.push(await ask(`198.51.100.${index}`))
      t.same(statuses, [200, 200, 200, 429])
      await until(() => !isShared())
      await end()
    }
    await until(isShared)
  },
)
