import type { UserUpserted } from '../../domain/change.ts'
import { canonicalEmail } from '../../domain/email.ts'
import type { HttpResponse, Question } from '../upstream.ts'
import { given, type ProbeOptions, probe } from './probe.ts'
import type { KnownPerson, Subject } from './subject.ts'

/** A question, as the house asks it. */
export function toQuestion(emails: readonly string[], ids: readonly string[] = []): Question {
  const question = { emails: emails.map((email) => canonicalEmail(email)), externalIds: [...ids] }
  Object.freeze(question.emails)
  Object.freeze(question.externalIds)
  return question
}

/** All the ways to ask the lookup of a new adapter. */
export function createQuestions(subject: Subject) {
  const people = () => given(subject.people, '`people` that the upstream knows.')
  const stranger = () => given(subject.stranger, 'a `stranger` whom the upstream does not know.')
  const first = () => given(people()[0], 'somebody in `people`.')

  function start(question: Question, options: ProbeOptions = {}) {
    const made = probe(subject, 'lookup', options)
    return { probe: made, answer: made.it.find(() => question) }
  }
  const find = (question: Question, options?: ProbeOptions) => start(question, options).answer
  const byEmail = (email: string, options?: ProbeOptions) => find(toQuestion([email]), options)
  const byId = (id: string, options?: ProbeOptions) => find(toQuestion([], [id]), options)

  return { people, stranger, first, start, find, byEmail, byId }
}

export function idsOf(found: readonly UserUpserted[]): string[] {
  return found.map(({ externalId }) => externalId).sort()
}

/** What is the one text in the answers is the other one. */
export function rewritten(from: string, to: string): ProbeOptions {
  return {
    async answer(request, ask) {
      const response = await ask(request)
      return { ...response, body: response.body.replaceAll(JSON.stringify(from), JSON.stringify(to)) }
    },
  }
}

export function idsOfPeople(people: readonly KnownPerson[]): string[] {
  return people.map(({ id }) => id).sort()
}

export async function record(ask: (options: ProbeOptions) => Promise<unknown>): Promise<HttpResponse[]> {
  const told: HttpResponse[] = []
  await ask({
    async answer(request, next) {
      const response = await next(request)
      told.push(response)
      return response
    },
  })
  return told
}

/** The same answers again, whatever the question. */
export function replay(told: readonly HttpResponse[]): ProbeOptions {
  let at = 0
  return {
    async answer() {
      const response = told[Math.min(at, told.length - 1)]
      at += 1
      return given(response, 'an upstream that is asked at all.')
    },
  }
}
