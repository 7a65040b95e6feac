import { type Check, demand, demandSame } from './check.ts'
import { outageChecks } from './outages.ts'
import { type ProbeOptions, probe } from './probe.ts'
import { createQuestions, idsOf, idsOfPeople, record, replay, rewritten, toQuestion } from './questions.ts'
import { readingChecks } from './readings.ts'
import type { Subject } from './subject.ts'

/** All of it is what an address may be, and nobody's. */
const oddEmails = [
  "nobody's@example.com",
  'nobody"\\@example.com',
  'nobody%_*@example.com',
  'nobody&email=a+b#c?d@example.com',
  "nobody'),true(@example.com",
  '{nobody}@example.com',
  'nobödy@bücher.example',
]
const oddIds = [
  '0',
  '-',
  '..',
  '../../health',
  "a'b",
  'a"b\\',
  'a/b?c#d',
  '%00',
  'a,b',
  '-user',
  'x'.repeat(200),
]

export function lookupChecks(subject: Subject): Check[] {
  const { people, stranger, first, start, find, byEmail, byId } = createQuestions(subject)
  const askings = [
    { how: 'by address', ask: (options: ProbeOptions) => start(toQuestion([first().email]), options) },
    {
      how: 'by id',
      ask: (options: ProbeOptions) => start(toQuestion([], [first().id]), options),
      isByName: true as const,
    },
  ]

  return [
    {
      name: 'it says how many questions go into one call',
      async run() {
        const { batchSize } = probe(subject, 'lookup').it
        const isSane = Number.isInteger(batchSize) && batchSize >= 1 && batchSize <= 1000
        demand(isSane, `${batchSize} is no batch.`)
      },
    },
    {
      name: 'it finds everybody by their address',
      async run() {
        for (const { email, id } of people())
          demandSame(idsOf(await byEmail(email)), [id], `Asked for ${id}:`)
      },
    },
    {
      name: 'it finds everybody by their id',
      async run() {
        for (const { id } of people()) demandSame(idsOf(await byId(id)), [id], `Asked for ${id}:`)
      },
    },
    {
      name: 'it finds somebody whose address upstream has in capitals',
      async run() {
        const { email, id } = first()
        const found = await byEmail(email, rewritten(email, email.toUpperCase()))
        demandSame(idsOf(found), [id], 'It does not compare addresses by their canonical form:')
      },
    },
    {
      name: 'an address or an id that nobody has finds nobody',
      async run() {
        demandSame(await byEmail(stranger().email), [], 'By address:')
        demandSame(await byId(stranger().id), [], 'By id:')
      },
    },
    {
      name: 'an address that would mean something in a query finds nobody',
      async run() {
        for (const email of oddEmails) demandSame(await byEmail(email), [], `Asked for ${email}:`)
      },
    },
    {
      name: 'an id that would mean something in a path or a query finds nobody',
      async run() {
        for (const id of oddIds) demandSame(await byId(id), [], `Asked for ${id}:`)
      },
    },
    {
      name: 'it answers with nobody who was not asked for, whatever the upstream says',
      async run() {
        const { email, id } = first()
        const told = await record((options) => byEmail(email, options))
        demandSame(await byEmail(stranger().email, replay(told)), [], 'Asked for a strange address:')
        const named = await record((options) => byId(id, options))
        demandSame(await byId(stranger().id, replay(named)), [], 'Asked for a strange id:')
      },
    },
    {
      name: 'it answers as many questions at once as it says, and names nobody twice',
      async run() {
        const { batchSize } = probe(subject, 'lookup').it
        const asked = people().slice(0, batchSize)
        const strangers = Array.from(
          { length: batchSize - asked.length },
          (_, at) => `nobody${at}@example.com`,
        )
        const found = await find(toQuestion([...asked.map(({ email }) => email), ...strangers]))
        demandSame(idsOf(found), idsOfPeople(asked), 'By address:')
        const others = Array.from({ length: batchSize - asked.length }, (_, at) => `${stranger().id}${at}`)
        const byIds = await find(toQuestion([], [...asked.map(({ id }) => id), ...others]))
        demandSame(idsOf(byIds), idsOfPeople(asked), 'By id:')
      },
    },
    {
      name: 'whoever is asked for by address and by id is there once',
      async run() {
        if (probe(subject, 'lookup').it.batchSize < 2) return
        const { email, id } = first()
        demandSame(idsOf(await find(toQuestion([email], [id]))), [id], 'Found:')
      },
    },
    ...readingChecks(subject),
    ...outageChecks(subject, askings),
  ]
}
