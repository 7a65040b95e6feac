import type { Delivery } from '../upstream.ts'
import { type Check, codeOf, demandRefusal, demandSame, show } from './check.ts'
import { createDesk, demandEvent } from './desk.ts'
import { oddCopies, oddValues } from './oddities.ts'
import { given } from './probe.ts'
import type { Subject } from './subject.ts'

/** What nobody has documented is refused or well-formed, and never a crash. */
export function oddEventChecks(subject: Subject): Check[] {
  const { name } = subject.definition
  const { about, read, verify, readKept } = createDesk(subject)
  const { samples, isHint } = about

  /** What it says of a body that is not as it should be: an event like others, or a refusal. */
  async function readOdd(body: unknown, delivery: Delivery): Promise<void> {
    try {
      const { event } = await read(body, delivery)
      demandEvent(event, name)
      const kept = await readKept(event)
      demandSame(kept.event.id, event.id, 'Kept and read again it has another id:')
    } catch (error) {
      if (codeOf(error) === 'FL_PAYLOAD_INVALID') return
      throw new Error(`It chokes on ${show(body)}: ${String(error)}`, { cause: error })
    }
  }

  return [
    {
      name: 'a body that is no event is refused or of no interest, and nothing breaks',
      async run() {
        const delivery = verify(given(samples[0], 'a sample.'))
        for (const odd of oddValues) await readOdd(odd, delivery)
      },
    },
    {
      name: 'an event with something odd anywhere in it is refused or well-formed, and nothing breaks',
      async run() {
        const most = Math.ceil((isHint ? 60 : 400) / samples.length)
        for (const sample of samples) {
          const delivery = verify(sample)
          for (const odd of oddCopies(JSON.parse(sample.body), most)) await readOdd(odd, delivery)
        }
      },
    },
    {
      name: 'what is no event throws FL_PAYLOAD_INVALID',
      async run() {
        const delivery = verify(given(samples[0], 'a sample.'))
        for (const odd of [null, 1, 'event'])
          await demandRefusal(() => read(odd, delivery), 'FL_PAYLOAD_INVALID', show(odd))
      },
    },
  ]
}
