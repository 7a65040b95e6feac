import type { Subscription } from '../upstream.ts'
import { type Check, demand, demandRefusal, demandSame, show } from './check.ts'
import { demandNobody, demandNoSecret } from './discretion.ts'
import { faults, withFault } from './faults.ts'
import { given, probe } from './probe.ts'
import { proofChecks } from './proof.ts'
import type { Subject } from './subject.ts'
import { demandWellFormed } from './well-formed.ts'

export function feedChecks(subject: Subject): Check[] {
  const { name } = subject.definition
  const { url, ping, happen } = given(subject.feed, 'a `feed`.')
  const feed = () => probe(subject, 'feed').it

  /** Ended again whatever comes of it. */
  async function withSubscription(act: (subscription: Subscription) => Promise<void>): Promise<void> {
    const subscription = await feed().subscribe(url)
    try {
      await act(subscription)
    } finally {
      await feed().unsubscribe(subscription.id)
    }
  }
  async function demandRefused(headers: Record<string, string>, body: string, of: Subscription) {
    const verify = () => feed().verifyPing(Buffer.from(body), headers, of)
    await demandRefusal(verify, 'FL_SIGNATURE_INVALID', 'a ping that is not its own')
  }

  return [
    {
      name: 'a subscription has an id, a secret and a place where its news begin',
      run: () =>
        withSubscription(async ({ id, secret, cursor }) => {
          demand(id !== '' && secret !== '', 'It lacks its id or its secret.')
          demand(Number.isInteger(cursor) && cursor >= 0, `${show(cursor)} is no place.`)
        }),
    },
    {
      name: 'a ping is believed that the subscription has signed, and no other one',
      run: () =>
        withSubscription(async (subscription) => {
          const good = ping(subscription)
          feed().verifyPing(Buffer.from(good.body), good.headers, subscription)
          await demandRefused(good.headers, `${good.body} `, subscription)
          await demandRefused({}, good.body, subscription)
          await demandRefused(good.headers, good.body, { ...subscription, id: `${subscription.id}x` })
          const other = { ...subscription, secret: Buffer.from('somebody else’s').toString('base64') }
          await demandRefused(good.headers, good.body, other)
          const checks = proofChecks(subject, {
            samples: [{ name: 'a ping', ...good }],
            forged: [{ name: 'another’s ping', ...ping(other) }],
            headers: Object.keys(good.headers).filter((header) => header !== 'content-type'),
            isBodyUnproved: false,
            verify: (bytes, headers) => feed().verifyPing(bytes, headers, subscription),
            findHeaderCheck: () => feed().verifyHeaders,
          })
          for (const { run } of checks) await run()
        }),
    },
    {
      name: 'what happens is news once, and well-formed',
      run: () =>
        withSubscription(async (subscription) => {
          const id = await happen()
          const page = await feed().read(subscription)
          demand(page !== 'lost', 'The news are lost.')
          demandWellFormed(page.changes, name)
          demand(
            page.changes.some(({ externalId }) => externalId === id),
            `Nothing is said of ${id}.`,
          )
          demand(page.cursor > subscription.cursor, 'The news begin where they did.')
          const rest = await feed().read({ ...subscription, cursor: page.cursor })
          demandSame(rest, { changes: [], cursor: page.cursor, hasMore: false }, 'What is left:')
        }),
    },
    {
      name: 'a subscription is kept as long as it is there, and lost when it is not',
      async run() {
        let ended: Subscription | undefined
        await withSubscription(async (subscription) => {
          demandSame(await feed().renew(subscription, url), 'kept', 'While it is there:')
          ended = subscription
        })
        const gone = given(ended, 'a subscription.')
        demandSame(await feed().renew(gone, url), 'lost', 'When it is gone:')
        demandSame(await feed().read(gone), 'lost', 'When it is gone:')
        await feed().unsubscribe(gone.id)
      },
    },
    {
      name: 'whatever ails the upstream is FL_UPSTREAM_UNAVAILABLE, and never the loss of a subscription',
      run: () =>
        withSubscription(async (subscription) => {
          for (const fault of faults) {
            const made = probe(subject, 'feed', withFault(subject, fault))
            const asked = [
              () => made.it.subscribe(url),
              () => made.it.renew(subscription, url),
              () => made.it.read(subscription),
            ]
            for (const ask of asked) {
              const error = await demandRefusal(ask, 'FL_UPSTREAM_UNAVAILABLE', fault.name)
              demandNoSecret(subject, 'the error', error)
            }
            demandNoSecret(subject, 'the log', made.lines)
            demandNobody(subject, 'the log', made.lines)
            demand(made.reports.length > 0, `The gate hears nothing of ${fault.name}.`)
          }
        }),
    },
  ]
}
