import { type Check, demand, demandSame } from './check.ts'
import { outageChecks } from './outages.ts'
import { given, type ProbeOptions, probe } from './probe.ts'
import type { Subject } from './subject.ts'
import { demandWellFormed } from './well-formed.ts'

const oddIds = ['..', '../../health', 'a/b?c#d', '%00', "a'b", '-', 'x'.repeat(200)]

export function organizationsChecks(subject: Subject): Check[] {
  const { name } = subject.definition
  const { known, unknown } = given(subject.organizations, '`organizations`: known ones, and an unknown one.')
  const ids = known.map(({ id }) => id)

  function start(asked: string[], options: ProbeOptions = {}) {
    const made = probe(subject, 'organizations', options)
    return { probe: made, answer: made.it.find(asked) }
  }
  const askings = [
    {
      how: 'by id',
      ask: (options: ProbeOptions) => start(ids.slice(0, 1), options),
      isByName: true as const,
    },
  ]

  return [
    {
      name: 'it says how many go into one question',
      async run() {
        const { batchSize } = probe(subject, 'organizations').it
        demand(
          Number.isInteger(batchSize) && batchSize >= 1 && batchSize <= 1000,
          `${batchSize} is no batch.`,
        )
      },
    },
    {
      name: 'it finds the names of those that are there',
      async run() {
        demand(known.length > 0, 'The subject knows none.')
        for (const { id, name: called } of known) {
          const found = await start([id]).answer
          demandSame(
            found.map(({ externalId, fields }) => [externalId, fields.name]),
            [[id, called]],
            'Found:',
          )
        }
      },
    },
    {
      name: 'one that is not there is not found, nor what no organization can be called',
      async run() {
        for (const id of [unknown, ...oddIds]) demandSame(await start([id]).answer, [], `Asked for ${id}:`)
      },
    },
    {
      name: 'it answers as many at once as it says, and none twice',
      async run() {
        const { batchSize } = probe(subject, 'organizations').it
        const asked = ids.slice(0, batchSize)
        const others = Array.from({ length: batchSize - asked.length }, (_, at) => `${unknown}${at}`)
        const found = await start([...asked, ...others]).answer
        demandSame(found.map(({ externalId }) => externalId).sort(), [...asked].sort(), 'Found:')
      },
    },
    {
      name: 'without a question it calls nobody',
      async run() {
        const { probe: made, answer } = start([])
        demandSame([await answer, made.calls.length], [[], 0], 'Found, and called:')
      },
    },
    {
      name: 'what it finds is well-formed, was read now, and brings none back to life',
      async run() {
        const { probe: made, answer } = start(ids.slice(0, 1))
        const found = await answer
        demandWellFormed(found, name)
        for (const { readAt, created } of found)
          demandSame([readAt, created], [made.now(), false], '`readAt` and `created`:')
      },
    },
    ...outageChecks(subject, askings),
  ]
}
