import { toCanonicalEmail } from '../../domain/email.ts'
import { compareStamps } from '../../domain/stamp.ts'
import { type Check, demand, demandRefusal, demandSame, show } from './check.ts'
import { probe } from './probe.ts'
import { createQuestions, idsOf, rewritten, toQuestion } from './questions.ts'
import type { Subject } from './subject.ts'
import { demandWellFormed } from './well-formed.ts'

/** When a lookup asks, and what it makes of the answer. */
export function readingChecks(subject: Subject): Check[] {
  const { name } = subject.definition
  const { people, first, start, byEmail } = createQuestions(subject)
  return [
    {
      name: 'it takes its question once, when its turn has come',
      async run() {
        const order: string[] = []
        const made = probe(subject, 'lookup', {
          answer(request, ask) {
            if (!subject.isLogin?.(request)) order.push('call')
            return ask(request)
          },
        })
        const question = toQuestion([first().email])
        await made.it.find((pass) => {
          demand(pass?.isTroubled, 'It does not hand on the pass that the gate gave it.')
          order.push(`take after ${made.turns.length}`)
          return question
        })
        demandSame(
          order.slice(0, 2),
          ['take after 1', 'call'],
          'First the turn, then the question, then the call:',
        )
        demandSame(order.filter((one) => one.startsWith('take')).length, 1, 'Questions taken:')
      },
    },
    {
      name: 'it calls nobody when there is no question left',
      async run() {
        const { it, calls } = probe(subject, 'lookup')
        demandSame(await it.find(() => undefined), [], 'It finds:')
        demandSame(calls.length, 0, 'Calls:')
      },
    },
    {
      name: 'it takes no question when the gate is closed',
      async run() {
        const { it } = probe(subject, 'lookup', { isGateClosed: true })
        let taken = 0
        const take = () => {
          taken += 1
          return toQuestion([first().email])
        }
        await demandRefusal(() => it.find(take), 'FL_UPSTREAM_UNAVAILABLE', 'closed')
        demandSame(taken, 0, 'Questions taken:')
      },
    },
    {
      name: 'what it finds is well-formed, was read now, and brings nobody back to life',
      async run() {
        for (const { email, id } of people())
          for (const ask of [() => start(toQuestion([email])), () => start(toQuestion([], [id]))]) {
            const { probe: made, answer } = ask()
            const found = await answer
            demandWellFormed(found, name)
            for (const { readAt, created, fields } of found) {
              demandSame(readAt, made.now(), '`readAt`:')
              demand(!created, 'To be seen is not to be created: `created` is false.')
              demandSame(toCanonicalEmail(fields.email ?? ''), toCanonicalEmail(email), 'The address:')
            }
          }
      },
    },
    {
      name: 'nothing that it reads is from after the moment of reading',
      async run() {
        const now = 86_400_000
        for (const { stamp, readAt } of await byEmail(first().email, { now })) {
          demand(stamp.at <= now, 'What upstream dates later counts as read now.')
          demandSame(readAt, now, '`readAt`:')
        }
      },
    },
    {
      name: 'read twice it says the same, and the later read counts as the newer one',
      async run() {
        const now = subject.clock?.() ?? Date.now()
        const [early] = await byEmail(first().email, { now })
        const [late] = await byEmail(first().email, { now: now + 1000 })
        demand(early && late, 'Nobody was found.')
        demandSame(late.fields, early.fields, 'The fields:')
        demand(compareStamps(early.stamp, late.stamp) < 0, `${show(late.stamp)} is not newer.`)
      },
    },
    {
      name: 'a text that no database can keep is made one, and one without end is cut',
      async run() {
        const person = people().find(({ word }) => word !== undefined)
        if (person?.word === undefined) return
        for (const odd of ['Nu\0l', 'Ha\ud800lf', ' \t ', 'x'.repeat(100_000), ' \0 ']) {
          const found = await byEmail(person.email, rewritten(person.word, odd))
          demandSame(idsOf(found), [person.id], 'Found:')
          demandWellFormed(found, name)
        }
      },
    },
    {
      name: 'an address that cannot be one belongs to nobody else',
      async run() {
        const { email } = first()
        for (const odd of [`${email}\0`, `\0${email}`, `${email}\ud800`, `${email},x@example.com`]) {
          const found = await byEmail(email, rewritten(email, odd))
          demandSame(idsOf(found), [], `Found at ${show(odd)}:`)
        }
      },
    },
  ]
}
