import { type Check, codeOf, demand, demandSame, show } from './check.ts'
import { oddCopies, oddValues } from './oddities.ts'
import { given, probe } from './probe.ts'
import { proofChecks } from './proof.ts'
import type { Subject } from './subject.ts'

export function signUpHookChecks(subject: Subject): Check[] {
  const { samples, forged, proof } = given(subject.signUpHook, 'a `signUpHook` with samples.')
  const hook = () => probe(subject, 'signUpHook').it

  return [
    ...proofChecks(subject, {
      samples,
      forged,
      headers: proof,
      isBodyUnproved: false,
      verify: (bytes, headers) => hook().verify(bytes, headers),
      findHeaderCheck: () => hook().verifyHeaders,
    }),
    {
      name: 'it reads who wants to sign up',
      async run() {
        for (const { name, body, email } of samples) demandSame(hook().read(JSON.parse(body)), email, name)
      },
    },
    {
      name: 'whatever else is asked is FL_PAYLOAD_INVALID, or somebody without an address',
      async run() {
        const copies = samples.flatMap(({ body }) => oddCopies(JSON.parse(body), 200))
        for (const odd of [...oddValues, ...copies])
          try {
            const email = hook().read(odd)
            demand(email === undefined || (email !== '' && email === email.trim()), show(email))
          } catch (error) {
            if (codeOf(error) !== 'FL_PAYLOAD_INVALID') throw error
          }
      },
    },
    {
      name: 'its answers are JSON, and a refusal has the words for the person',
      async run() {
        const { allowed, refused } = hook().answers
        for (const answer of [allowed, refused('Not today.')])
          demandSame(JSON.parse(JSON.stringify(answer)), answer, 'The answer is not JSON.')
        demand(JSON.stringify(refused('Not today.')).includes('Not today.'), 'The words are lost.')
      },
    },
  ]
}
