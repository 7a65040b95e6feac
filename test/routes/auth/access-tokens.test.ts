import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import t from 'tap'
import { createKeyRing, unseal } from '../../../domain/sealing.ts'
import { createWorld, secret } from '../../support/service.ts'
import { until } from '../../support/until.ts'
import { createClient, isProblem } from './client.ts'

type Part = Record<string, unknown>

const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url')
const decode = (part = ''): Part => JSON.parse(Buffer.from(part, 'base64url').toString())

function forge(header: Part, claims: Part, key: KeyObject): string {
  const body = `${encode(header)}.${encode(claims)}`
  return `${body}.${sign(null, Buffer.from(body), key).toString('base64url')}`
}

async function signIn(t: Parameters<typeof createWorld>[0], env: Record<string, string> = {}) {
  const world = await createWorld(t)
  const service = await world.start(env)
  const { accessToken, user } = (await service.login('ada@example.com', 'analytical-engine')).json()
  const { keys } = (await service.app.inject('/.well-known/jwks.json')).json()
  const [head, body] = accessToken.split('.')
  const header = decode(head)
  return {
    world,
    service,
    ...createClient(service.app),
    accessToken: accessToken as string,
    user,
    header,
    claims: decode(body),
    jwk: keys.find((key: Part) => key['kid'] === header['kid']),
  }
}

t.test('an access token is an EdDSA JWT that anybody can check against the published keys', async (t) => {
  const { accessToken, header, claims, jwk, user } = await signIn(t, {
    BASE_URL: 'https://login.example.com',
  })
  t.match(header, { alg: 'EdDSA', typ: 'at+jwt', kid: /^[\w-]{43}$/ })
  t.match(jwk, { kty: 'OKP', crv: 'Ed25519', use: 'sig', alg: 'EdDSA', kid: header['kid'] })
  t.notOk('d' in jwk, 'the public part alone')
  const [head, body, signature = ''] = accessToken.split('.')
  const key = createPublicKey({ key: jwk, format: 'jwk' })
  t.ok(verify(null, Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url')))
  // RFC 9068, section 2.2
  const names = ['aud', 'client_id', 'exp', 'iat', 'iss', 'jti', 'sid', 'sub']
  t.same(Object.keys(claims).sort(), names, 'and says nothing else')
  const issuer = 'https://login.example.com'
  t.match(claims, { iss: issuer, aud: issuer, client_id: 'firstlogin', sub: user.id, jti: /^[0-9a-f-]{36}$/ })
  t.equal(Number(claims['exp']) - Number(claims['iat']), 600)
})

t.test('nothing but such a token opens anything', async (t) => {
  const { accessToken, header, claims, jwk, me } = await signIn(t)
  const { privateKey } = generateKeyPairSync('ed25519')
  const key = createPublicKey({ key: jwk, format: 'jwk' })
  const [head = '', body = '', signature = ''] = accessToken.split('.')
  const hmac = (secret: string | Buffer) => {
    const text = `${encode({ ...header, alg: 'HS256' })}.${body}`
    return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
  }
  const forgeries = {
    'another key under our kid': forge(header, claims, privateKey),
    'a kid of its own': forge({ ...header, kid: 'theirs' }, claims, privateKey),
    'no kid': forge({ alg: 'EdDSA', typ: 'JWT' }, claims, privateKey),
    'its own key in the header': forge(
      { ...header, jwk: createPublicKey(privateKey).export({ format: 'jwk' }) },
      claims,
      privateKey,
    ),
    'alg none': `${encode({ ...header, alg: 'none' })}.${body}.`,
    'alg None with a signature': `${encode({ ...header, alg: 'None' })}.${body}.${signature}`,
    'HS256 under the public PEM': hmac(key.export({ type: 'spki', format: 'pem' })),
    'HS256 under the public bytes': hmac(Buffer.from(jwk.x, 'base64url')),
    'other claims under our signature': `${head}.${encode({ ...claims, sub: claims['sid'] })}.${signature}`,
    'another header under our signature': `${encode({ ...header, typ: 'JWT' })}.${body}.${signature}`,
    'an empty signature': `${head}.${body}.`,
    'no signature': `${head}.${body}`,
    'four parts': `${accessToken}.${signature}`,
    'kid __proto__': forge({ ...header, kid: '__proto__' }, claims, privateKey),
    'kid of another type': forge({ ...header, kid: { toString: 1 } }, claims, privateKey),
    'claims that are no object': forge(header, 'text' as never, privateKey),
    garbage: 'garbage',
    dots: '..',
    blank: ' ',
    nothing: '',
    'a long one': 'a'.repeat(8000),
  }
  for (const [name, token] of Object.entries(forgeries))
    isProblem(t, await me(token), 'FL_SESSION_INVALID', name)
  t.equal((await me(accessToken)).statusCode, 200)
})

t.test('headers of other forms are no session', async (t) => {
  const { accessToken, service } = await signIn(t)
  const ask = (authorization?: string) =>
    service.app.inject({ url: '/api/auth/me', headers: authorization === undefined ? {} : { authorization } })
  for (const value of [undefined, '', 'Bearer', `Basic ${accessToken}`, accessToken, `Bearer${accessToken}`])
    isProblem(t, await ask(value), 'FL_SESSION_INVALID', value?.slice(0, 12) ?? 'none')
  t.equal((await ask(`bearer ${accessToken}`)).statusCode, 200, 'the scheme is case-blind')
})

t.test('an expired token, kept in memory or not, is over', async (t) => {
  const { accessToken, me, world } = await signIn(t, { ACCESS_TOKEN_TTL_S: '3' })
  await me(accessToken)
  await until(async () => (await me(accessToken)).statusCode === 401)
  isProblem(t, await me(accessToken), 'FL_SESSION_INVALID')
  isProblem(t, await createClient((await world.start()).app).me(accessToken), 'FL_SESSION_INVALID')
})

t.test('a token of another issuer is refused even under the same keys', async (t) => {
  const { accessToken, world } = await signIn(t, { BASE_URL: 'https://elsewhere.example.com' })
  const { me } = createClient((await world.start()).app)
  isProblem(t, await me(accessToken), 'FL_SESSION_INVALID')
})

t.test(
  'a token under our keys is refused with another typ or audience, or without the claims it needs',
  async (t) => {
    const { accessToken, header, claims, me, world } = await signIn(t)
    const [row] = await world.sql<{ kid: string; sealed: Buffer }[]>`
    select kid, sealed_private_key as sealed from firstlogin.signing_keys where state = 'current'`
    const keys = createKeyRing(secret, 'signing-keys')
    const key = createPrivateKey(unseal(keys, row?.kid ?? '', row?.sealed ?? Buffer.alloc(0)))
    const sign = (head: Part, body: Part) => forge(head, body, key)
    t.equal((await me(sign(header, claims))).statusCode, 200)
    const without = (name: string) =>
      Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name))
    const elsewhere = 'https://elsewhere.example.com'
    const refused = {
      'typ JWT': sign({ ...header, typ: 'JWT' }, claims),
      'no typ': sign({ alg: 'EdDSA', kid: header['kid'] }, claims),
      'another aud': sign(header, { ...claims, aud: elsewhere }),
      'a list of other aud': sign(header, { ...claims, aud: [elsewhere] }),
      'no aud': sign(header, without('aud')),
      'no iss': sign(header, without('iss')),
      'no exp': sign(header, without('exp')),
      'no iat': sign(header, without('iat')),
    }
    for (const [name, token] of Object.entries(refused))
      isProblem(t, await me(token), 'FL_SESSION_INVALID', name)
    t.equal((await me(accessToken)).statusCode, 200)
  },
)
