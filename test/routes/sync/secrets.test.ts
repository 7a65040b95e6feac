import t from 'tap'
import { createRolling } from '../../support/rolling.ts'
import { createWorld } from '../../support/service.ts'
import { type Sender, type Sent, senderSettings, senders } from '../../support/webhook-senders.ts'

t.test('each webhook secret is rotated while requests run, and none of them fails', async (t) => {
  const world = await createWorld(t)
  const start = async (choose: (secrets: Sender['secrets']) => string) => {
    const env = Object.fromEntries(senders.map(({ setting, secrets }) => [setting, choose(secrets)]))
    return (await world.start({ ...senderSettings, ...env })).app
  }
  const rolling = createRolling(await start(([old]) => old))
  const post = ({ path, body, headers }: Sent) =>
    rolling.use((app) =>
      app.inject({
        method: 'POST',
        url: path,
        headers: { 'content-type': 'application/json', ...headers },
        body,
      }),
    )

  const failures: string[] = []
  const sent = new Map<string, number>()
  let index: 0 | 1 = 0
  let isDone = false
  async function send({ setting, secrets, make }: Sender): Promise<void> {
    while (!isDone) {
      const reply = await post(make(secrets[index]))
      sent.set(setting, (sent.get(setting) ?? 0) + 1)
      if (reply.statusCode !== 200) failures.push(`${setting} ${reply.statusCode} ${reply.body}`)
    }
  }
  const sending = Promise.all(senders.map(send))
  await rolling.go(20)
  await rolling.replace(await start(([old, fresh]) => `${fresh},${old}`))
  index = 1
  await rolling.go(20)
  await rolling.replace(await start(([, fresh]) => fresh))
  isDone = true
  await sending
  t.same(failures.slice(0, 5), [])
  t.equal(sent.size, senders.length)
  for (const { make, secrets } of senders)
    t.equal((await post(make(secrets[0]))).statusCode, 401, 'the old one')
})
