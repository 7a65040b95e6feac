import { CompactEncrypt, importJWK } from 'jose'
import type { Issuer, Row } from './row.ts'
import {
  type Algorithm,
  attacker,
  attackersCertificate,
  attackersJwk,
  type Claims,
  compose,
  signWithSecret,
  toPem,
  unsigned,
} from './signing.ts'
import type { ForgeryWorld } from './world.ts'

const algorithms = ['RS256', 'RS512', 'PS256', 'ES256', 'EdDSA'] as const satisfies Algorithm[]
const nowS = () => Math.floor(Date.now() / 1000)

/** What is tried with the tokens of every issuer. */
export function everywhere(of: Issuer): Row[] {
  return [...bySignature(of), ...byHeader(of), ...byTime(of), ...byForm()].map((row) => ({
    ...row,
    of,
    ...(of === 'ours' && { code: row.code ?? 'FL_SESSION_INVALID' }),
  }))
}

type Draft = Omit<Row, 'of'>

function bySignature(of: Issuer): Draft[] {
  const jwk = ({ jwks, host }: ForgeryWorld) => (of === 'ours' ? host.app.keys.current.publicJwk : jwks[of])
  return [
    ...['none', 'None', 'NONE', 'nOnE', ''].map((alg): Draft => {
      return {
        name: `alg ${JSON.stringify(alg)} and no signature`,
        forge: ({ header, claims }) => compose({ header: { ...header, alg }, claims }, unsigned),
      }
    }),
    {
      name: 'alg none over the right signature',
      forge: ({ header, claims, segments }) =>
        compose({ header: { ...header, alg: 'none' }, claims }, () => Buffer.from(segments[2], 'base64url')),
    },
    {
      name: 'without an alg',
      forge: ({ header, claims }) =>
        compose({ header: { ...header, alg: undefined }, claims }, attacker.RS256),
    },
    { name: 'an empty signature', forge: ({ segments }) => `${segments[0]}.${segments[1]}.` },
    {
      name: 'HS256 with the public key as PEM',
      forge: ({ header, claims }, world) =>
        compose({ header: { ...header, alg: 'HS256' }, claims }, signWithSecret(toPem(jwk(world)))),
    },
    {
      name: 'HS256 with the text of the public JWK',
      forge: ({ header, claims }, world) =>
        compose({ header: { ...header, alg: 'HS256' }, claims }, signWithSecret(JSON.stringify(jwk(world)))),
    },
    {
      name: 'HS256 with an empty secret',
      forge: ({ header, claims }) =>
        compose({ header: { ...header, alg: 'HS256' }, claims }, signWithSecret('')),
    },
    ...algorithms.map((alg): Draft => {
      return {
        name: `${alg} by an attacker's fitting key under the known kid`,
        forge: ({ header, claims }) => compose({ header: { ...header, alg }, claims }, attacker[alg]),
      }
    }),
    {
      name: 'somebody else for the person, under the signature that was',
      forge: ({ header, claims, segments }) =>
        compose({ header, claims: { ...claims, sub: 'user_2AdaLovelace0000000000000' } }, () =>
          Buffer.from(segments[2], 'base64url'),
        ),
    },
    {
      name: 'another header under the signature that was',
      forge: ({ header, claims, segments }) =>
        compose({ header: { ...header, cat: 'x' }, claims }, () => Buffer.from(segments[2], 'base64url')),
    },
  ]
}

function byHeader(of: Issuer): Draft[] {
  const alg = of === 'ours' ? 'EdDSA' : 'RS256'
  const withHeader = (extra: (world: ForgeryWorld) => Claims): Draft['forge'] => {
    return ({ header, claims }, world) =>
      compose({ header: { ...header, alg, ...extra(world) }, claims }, attacker[alg])
  }
  const rows: Draft[] = [
    {
      name: 'the right key under an unknown kid',
      forge: ({ sign }) => sign({}, { kid: 'ins_2NobodyKnowsThisKey0000000' }),
    },
    { name: 'the right key under a kid that is a number', forge: ({ sign }) => sign({}, { kid: 7 }) },
    {
      name: 'the right key under a kid that is a path',
      forge: ({ sign }) => sign({}, { kid: '../../dev/null' }),
    },
    {
      name: 'an embedded jwk of the attacker under the known kid',
      forge: withHeader(() => ({ jwk: attackersJwk(alg) })),
    },
    {
      name: 'an embedded jwk of the attacker, without a kid',
      forge: withHeader(() => ({ jwk: attackersJwk(alg), kid: undefined })),
    },
    {
      name: "a jku of the attacker's",
      forge: withHeader(({ trap }) => ({ jku: `${trap.url}/jwks.json`, kid: 'attacker' })),
    },
    {
      name: "an x5u of the attacker's",
      forge: withHeader(({ trap }) => ({ x5u: `${trap.url}/certificate.pem` })),
    },
    {
      name: "an x5c of the attacker's",
      forge: withHeader(() => ({ x5c: [attackersCertificate()] })),
    },
  ]
  // The library by which Clerk's stand-in signs refuses to sign these.
  if (of === 'clerk') return rows
  return [
    ...rows,
    {
      name: 'crit with an extension that nobody knows',
      forge: ({ sign }) => sign({}, { crit: ['exp-policy'], 'exp-policy': 1 }),
    },
    { name: 'crit that is empty', forge: ({ sign }) => sign({}, { crit: [] }) },
    { name: 'crit b64, b64 false', forge: ({ sign }) => sign({}, { crit: ['b64'], b64: false }) },
  ]
}

function byTime(of: Issuer): Draft[] {
  const rows: Draft[] = [
    {
      name: 'expired by 6 s',
      forge: ({ sign }) => sign({ iat: nowS() - 60, nbf: nowS() - 60, exp: nowS() - 6 }),
    },
    {
      name: 'not valid for a minute more',
      forge: ({ sign }) => sign({ nbf: nowS() + 60 }),
    },
    { name: 'without exp', forge: ({ sign }) => sign({ exp: undefined }) },
    { name: 'exp as a string', forge: ({ sign }) => sign({ exp: String(nowS() + 600) }) },
    { name: 'exp null', forge: ({ sign }) => sign({ exp: null }) },
    { name: 'nbf as a string', forge: ({ sign }) => sign({ nbf: String(nowS() - 60) }) },
    { name: 'without sub', forge: ({ sign }) => sign({ sub: undefined }) },
    { name: 'sub a number', forge: ({ sign }) => sign({ sub: 42 }) },
    { name: 'sub a list with the right one', forge: ({ sign, claims }) => sign({ sub: [claims['sub']] }) },
    { name: 'sub null', forge: ({ sign }) => sign({ sub: null }) },
  ]
  if (of === 'ours') return rows
  return [
    ...rows,
    { name: 'sub empty', forge: ({ sign }) => sign({ sub: '' }) },
    { name: 'without iat', forge: ({ sign }) => sign({ iat: undefined }) },
    { name: 'iat as a string', forge: ({ sign }) => sign({ iat: String(nowS()) }) },
    {
      name: 'iat an hour ahead',
      forge: ({ sign }) => sign({ iat: nowS() + 3600, exp: nowS() + 7200, nbf: undefined }),
    },
    { name: 'iat before there was time', forge: ({ sign }) => sign({ iat: -1e15 }) },
    {
      name: '20 KB of the right key',
      forge: ({ sign }) => sign({ metadata: 'x'.repeat(15_000) }),
    },
  ]
}

/** Those of which not even the issuer can be read, or in which there is no token where one belongs, are nobody's. */
function byForm(): Draft[] {
  return [...bySpelling(), ...byPlace().map((row): Draft => ({ ...row, code: 'FL_TOKEN_INVALID' }))]
}

function bySpelling(): Draft[] {
  const places = ['header', 'payload', 'signature'] as const
  const change = (name: string, at: number, spell: (segment: string) => string): Draft => {
    return { name, forge: ({ segments }) => segments.with(at, spell(segments[at] ?? '')).join('.') }
  }
  return [
    change('padding after the header', 0, (one) => `${one}==`),
    // So much of it that not even the issuer can be read.
    { ...change('padding after the payload', 1, (one) => `${one}====`), code: 'FL_TOKEN_INVALID' },
    change('padding after the signature', 2, (one) => one.padEnd(Math.ceil(one.length / 4) * 4, '=')),
    ...places.flatMap((place, at) => [
      change(`a blank in the ${place}`, at, (one) => `${one.slice(0, 9)} ${one.slice(9)}`),
      change(`a tab in the ${place}`, at, (one) => `${one.slice(0, -1)}\t${one.slice(-1)}`),
    ]),
    change('a signature of the same bytes in another spelling', 2, respell),
  ]
}

function byPlace(): Draft[] {
  return [
    { name: 'four segments', forge: ({ token }) => `${token}.x` },
    { name: 'an empty fourth segment', forge: ({ token }) => `${token}.` },
    { name: 'two segments', forge: ({ segments }) => `${segments[0]}.${segments[1]}` },
    { name: 'five segments', forge: ({ segments }) => `${segments[0]}..${segments[1]}..${segments[2]}` },
    { name: 'the token twice, one after the other', forge: ({ token }) => `${token} ${token}` },
    {
      name: 'two Authorization values in one',
      forge: ({ token }) => ({ token, headers: { authorization: `Bearer ${token}, Bearer ${token}` } }),
    },
    {
      name: 'of another scheme',
      forge: ({ token }) => ({ token, headers: { authorization: `Token ${token}` } }),
    },
    { name: 'without a scheme', forge: ({ token }) => ({ token, headers: { authorization: token } }) },
    {
      name: 'as the password of Basic',
      forge: ({ token }) => {
        const authorization = `Basic ${Buffer.from(`bearer:${token}`).toString('base64')}`
        return { token, headers: { authorization } }
      },
    },
    ...['access_token', 'token', 'jwt', '__session'].map((name): Draft => {
      return {
        name: `in the query string, as ${name}`,
        forge: ({ token }) => ({ token, headers: {}, url: `/who?${name}=${token}` }),
      }
    }),
    {
      name: "in the vendors' own headers",
      forge: ({ token }) => ({
        token,
        headers: { 'x-access-token': token, 'x-api-key': token, 'frontegg-access-token': token },
      }),
    },
    {
      name: "in the vendors' own cookies",
      forge: ({ token }) => ({ token, headers: { cookie: `__session=${token}; fe_session=${token}` } }),
    },
  ]
}

/** The last character has bits to spare: the same bytes can be written otherwise. */
function respell(segment: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const last = alphabet.indexOf(segment.slice(-1))
  return segment.slice(0, -1) + alphabet[last ^ 1]
}

/** The right claims, encrypted for the issuer instead of signed by it. */
export function encrypted(of: 'clerk' | 'frontegg'): Row {
  return {
    name: 'encrypted (JWE) with the public key of the issuer',
    of,
    async forge({ claims, header }, { jwks }) {
      const key = await importJWK({ ...jwks[of], use: 'enc' }, 'RSA-OAEP-256')
      return new CompactEncrypt(Buffer.from(JSON.stringify(claims)))
        .setProtectedHeader({ ...header, alg: 'RSA-OAEP-256', enc: 'A256GCM' })
        .encrypt(key)
    },
  }
}
