import { compareStamps } from '../../domain/stamp.ts'
import type { VerifiedToken } from '../upstream.ts'
import { type Check, codeOf, demand, demandRefusal, demandSame, show } from './check.ts'
import { demandNobody } from './discretion.ts'
import { oddValues } from './oddities.ts'
import { given, probe } from './probe.ts'
import type { Subject, TokenSample } from './subject.ts'
import { demandReading, kindsOfTokens } from './token-reading.ts'

const asymmetric = /^((RS|PS)(256|384|512)|ES(256|256K|384|512)|EdDSA|Ed25519)$/

export function claimsChecks(subject: Subject): Check[] {
  const { name } = subject.definition
  const { accepted, refused } = given(
    subject.tokens,
    '`tokens` that are accepted, and some that are refused.',
  )
  const claims = () => probe(subject, 'claims').it
  const read = (token: VerifiedToken) => claims().read(token)
  const change = ({ token }: TokenSample, claim: object): VerifiedToken => ({
    header: token.header,
    payload: { ...token.payload, ...claim },
  })

  return [
    {
      name: 'its issuer and its keys have addresses, without a secret way to them',
      async run() {
        const { issuer, keysUrl } = claims()
        for (const text of [issuer, keysUrl]) {
          demand(URL.canParse(text), `${show(text)} is no address.`)
          const { protocol, hostname, username, password } = new URL(text)
          const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(hostname)
          demand(protocol === 'https:' || (protocol === 'http:' && isLocal), `${text} is not https.`)
          demandSame([username, password], ['', ''], 'In the address:')
        }
      },
    },
    {
      name: 'its tokens are signed by a key that only the issuer has',
      async run() {
        const { algorithms } = claims()
        demand(algorithms.length > 0, 'It names no algorithm.')
        for (const one of algorithms) demand(asymmetric.test(one), `${show(one)} is not asymmetric.`)
      },
    },
    {
      name: 'audiences are texts, and none is empty',
      async run() {
        const { audiences } = claims()
        demand(
          audiences.every((one) => typeof one === 'string' && one !== ''),
          show(audiences),
        )
      },
    },
    {
      name: 'every token that is accepted is about its user, in their organization',
      async run() {
        demand(accepted.length > 0, 'The subject has no token that is accepted.')
        for (const { name: about, token, ...expected } of accepted) {
          const { user, organization, isImpersonated } = read(token)
          demandSame(
            { user, organization },
            { user: expected.user, organization: expected.organization },
            about,
          )
          demandSame(isImpersonated, expected.isImpersonated ?? false, `${about}, impersonated:`)
        }
      },
    },
    {
      name: 'all that a token says is about its user and their organization, as of its `iat`',
      async run() {
        for (const { token, organization } of accepted) {
          const reading = read(token)
          demandReading(reading, token, name)
          const kinds = new Set(reading.changes.map(({ type }) => type))
          demandSame(
            kinds,
            new Set(organization === undefined ? kindsOfTokens.slice(0, 1) : kindsOfTokens),
            'It tells:',
          )
        }
      },
    },
    {
      name: 'a token brings back no user and no organization that was deleted',
      async run() {
        for (const { token } of accepted)
          for (const one of read(token).changes)
            demand(!('created' in one && one.created) || one.type === 'membership.upserted', show(one))
      },
    },
    {
      name: 'a token says the same every time, and a later one is newer',
      async run() {
        for (const sample of accepted) {
          const { token } = sample
          demandSame(read(token), read(token), sample.name)
          const later = read(change(sample, { iat: token.payload.iat + 1 })).changes
          for (const [index, one] of read(token).changes.entries()) {
            const newer = given(later[index], 'a later token that says as much.')
            demand(compareStamps(one.stamp, newer.stamp) < 0, `${show(newer.stamp)} is not newer.`)
          }
        }
      },
    },
    {
      name: 'an `iat` between two seconds is a moment like others',
      async run() {
        for (const sample of accepted) {
          const token = change(sample, { iat: sample.token.payload.iat + 0.5 })
          demandReading(read(token), token, name)
        }
      },
    },
    {
      name: 'what is no sign-in of a person is refused, and nobody’s address is in the reason',
      async run() {
        demand(refused.length > 0, 'The subject has no token that is refused.')
        for (const { name: about, token } of refused)
          demandNobody(subject, 'it', await demandRefusal(() => read(token), 'FL_TOKEN_INVALID', about))
      },
    },
    {
      name: 'a `sub` that can be nobody’s id is refused',
      async run() {
        for (const sample of accepted)
          for (const sub of ['', ' ', 'no\0body', '\ud800', 'x'.repeat(10_000), 'two words'])
            await demandRefusal(() => read(change(sample, { sub })), 'FL_TOKEN_INVALID', `sub ${show(sub)}`)
      },
    },
    {
      name: 'a token with something odd in any claim is refused or well-formed, and nothing breaks',
      async run() {
        for (const sample of accepted)
          for (const claim of Object.keys(sample.token.payload)) {
            // Whoever verified it has looked at these.
            if (['sub', 'iat', 'exp'].includes(claim)) continue
            for (const odd of oddValues) {
              const token = change(sample, { [claim]: odd })
              try {
                demandReading(read(token), token, name)
              } catch (error) {
                if (codeOf(error) === 'FL_TOKEN_INVALID') continue
                throw new Error(`It chokes on ${claim} ${show(odd)}: ${String(error)}`, { cause: error })
              }
            }
          }
      },
    },
    {
      name: 'whoever acts in the name of somebody else is seen to, by `act`',
      async run() {
        for (const sample of accepted) {
          const token = change(sample, { act: { sub: 'admin', iss: 'https://dashboard.example' } })
          demand(read(token).isImpersonated, `${sample.name}: the actor is not seen.`)
        }
      },
    },
    {
      name: 'to read a token is to compute: nobody is called, and the token stays as it is',
      async run() {
        const { it, calls, turns } = probe(subject, 'claims')
        for (const { token } of accepted) {
          const before = structuredClone(token)
          it.read(token)
          demandSame(token, before, 'The token was changed.')
        }
        demandSame([calls.length, turns.length], [0, 0], 'Calls and turns:')
      },
    },
  ]
}
