import { type Check, demand, demandRefusal, demandSame } from './check.ts'
import { demandNoSecret } from './discretion.ts'
import type { SignedRequest, Subject } from './subject.ts'

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>

/** How a request is proved, by what the subject says of it. */
export interface Proof {
  samples: readonly SignedRequest[]
  forged: readonly SignedRequest[]
  /** The headers that make it up. */
  headers: readonly string[]
  isBodyUnproved: boolean
  /** By a new adapter. */
  verify: (bytes: Buffer, headers: Headers) => unknown
  /** That of a new adapter, if it has one. */
  findHeaderCheck: () => ((headers: Headers) => void) | undefined
}

const code = 'FL_SIGNATURE_INVALID'
/** Of a long body, or a long header, that many places are tried. */
const mostPlaces = 50

/** A stranger is recognised, whatever they do. */
export function proofChecks(subject: Subject, { samples, forged, headers: names, ...proof }: Proof): Check[] {
  const verify = ({ body, headers }: { body: string | Buffer; headers: Headers }) =>
    proof.verify(Buffer.from(body), headers)
  const namesIn = (headers: Headers) => names.filter((header) => headers[header] !== undefined)
  const refuse = (request: { body: string | Buffer; headers: Headers }, what: string) =>
    demandRefusal(() => verify(request), code, what)

  return [
    {
      name: 'every sample is verified, by an adapter of its own',
      async run() {
        demand(samples.length > 0, 'The subject has no samples.')
        for (const sample of samples) {
          demand(namesIn(sample.headers).length > 0, `${sample.name} has no header that proves it.`)
          verify(sample)
        }
      },
    },
    {
      name: 'a flipped bit anywhere in the body is refused, as is a byte more or less',
      async run() {
        if (proof.isBodyUnproved) return
        for (const { body, headers, name } of samples) {
          const bytes = Buffer.from(body)
          for (const at of places(bytes.length)) {
            const flipped = Buffer.from(bytes)
            flipped[at] = (flipped[at] ?? 0) ^ 1
            await refuse({ body: flipped, headers }, `${name}, byte ${at} flipped`)
          }
          await refuse({ body: `${body}\n`, headers }, `${name} and a line break`)
          await refuse({ body: bytes.subarray(0, -1), headers }, `${name} without its last byte`)
          await refuse({ body: '', headers }, `${name} without a body`)
        }
      },
    },
    {
      name: 'a changed character anywhere in its proof is refused, as is one more or less',
      async run() {
        for (const { body, headers } of samples)
          for (const header of namesIn(headers)) {
            const value = headers[header] ?? ''
            const refuseAs = (other: string, what: string) =>
              refuse({ body, headers: { ...headers, [header]: other } }, `${header}, ${what}`)
            for (const at of places(value.length)) {
              const other = /[w-z]/.test(value.charAt(at)) ? 'A' : 'x'
              await refuseAs(`${value.slice(0, at)}${other}${value.slice(at + 1)}`, `character ${at}`)
            }
            await refuseAs(`${value}x`, 'with an x')
            await refuseAs(value.slice(0, -2), 'cut')
          }
      },
    },
    {
      name: 'without its proof, with an empty one or with two, a request is refused',
      async run() {
        for (const { body, headers } of samples) {
          await refuse({ body, headers: {} }, 'no header at all')
          for (const header of namesIn(headers)) {
            const value = headers[header] ?? ''
            for (const odd of [undefined, '', ' ', 'x'.repeat(100_000), [], [value], [value, value]])
              await refuse({ body, headers: { ...headers, [header]: odd } }, `${header} as ${String(odd)}`)
          }
        }
      },
    },
    {
      name: 'headers that prove nothing are refused by themselves, and those of every sample are not',
      async run() {
        const verifyHeaders = proof.findHeaderCheck()
        if (!verifyHeaders) return
        for (const { headers, name } of samples) {
          verifyHeaders(headers)
          const others = Object.entries(headers).filter(([header]) => !names.includes(header))
          await demandRefusal(() => verifyHeaders(Object.fromEntries(others)), code, name)
        }
      },
    },
    {
      name: 'what is signed by somebody else, or too old, is refused',
      async run() {
        demand(forged.length > 0, 'The subject has no request that is forged.')
        for (const request of forged) await refuse(request, request.name)
      },
    },
    {
      name: 'the same request proves the same every time',
      async run() {
        for (const sample of samples) demandSame(verify(sample), verify(sample), sample.name)
      },
    },
    {
      name: 'why a request is refused says nothing of the secret',
      async run() {
        for (const request of [...forged, { body: '{}', headers: {}, name: 'nothing' }])
          demandNoSecret(subject, 'the refusal', await refuse(request, request.name))
      },
    },
  ]
}

function places(length: number): number[] {
  const step = Math.max(1, Math.ceil(length / mostPlaces))
  return Array.from({ length: Math.ceil(length / step) }, (_, index) => index * step)
}
