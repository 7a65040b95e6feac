import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import t from 'tap'
import { createKeySet } from '../../../plugins/identity/key-set.ts'
import { verifyToken } from '../../../plugins/identity/token-verifier.ts'
import type { Claims } from '../../../upstreams/upstream.ts'
import { createDatabase } from '../../support/database.ts'

const { sql } = await createDatabase(t)
const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true })
const jwk = await exportJWK(publicKey)
const claims = { issuer: 'https://issuer.example', algorithms: ['RS256'], audiences: [] } as unknown as Claims
const token = await new SignJWT({ sub: 'user_1' })
  .setProtectedHeader({ alg: 'RS256', kid: 'key_1' })
  .setIssuer('https://issuer.example')
  .setIssuedAt()
  .setExpirationTime('5m')
  .sign(privateKey)

let issuers = 0

/** Verifies the token by the keys that an issuer publishes, on an instance that knows the issuer or not. */
async function verifyBy(keys: object[]): Promise<unknown> {
  issuers += 1
  const url = `https://issuer.example/${issuers}/jwks.json`
  const http = async () => ({ status: 200, headers: {}, body: JSON.stringify({ keys }) })
  const open = () =>
    createKeySet({ sql, http, url, onWithdrawn: () => {}, onError: (error) => t.comment(error) })
  const verified = await verifyToken(token, claims, open())
  t.same(await verifyToken(token, claims, open()), verified, 'by the keys in the database, too')
  return verified.payload.sub
}

const keyOf = (own: JWK | Record<string, unknown>) => ({ ...jwk, kid: 'key_1', ...own })

t.test('a key is used if its `use` and `key_ops` allow it to verify, or say nothing', async (t) => {
  for (const own of [
    {},
    { use: 'sig' },
    { key_ops: ['verify'] },
    { key_ops: ['sign', 'verify'] },
    { use: 'sig', key_ops: ['verify'] },
  ])
    t.equal(await verifyBy([keyOf(own)]), 'user_1', JSON.stringify(own))
})

t.test('a key that is published for something else verifies nothing', async (t) => {
  for (const own of [
    { use: 'enc' },
    { use: '' },
    { use: 'SIG' },
    { use: ['sig'] },
    { key_ops: [] },
    { key_ops: ['sign'] },
    { key_ops: ['encrypt', 'wrapKey'] },
    { key_ops: 'verify' },
    { key_ops: ['VERIFY'] },
    { use: 'sig', key_ops: ['encrypt'] },
    { use: 'enc', key_ops: ['verify'] },
  ])
    await t.rejects(verifyBy([keyOf(own)]), { code: 'FL_TOKEN_INVALID' }, JSON.stringify(own))
})

t.test('beside a key for something else the right one is used', async (t) => {
  const { publicKey: other } = await generateKeyPair('RS256', { extractable: true })
  const encrypts = { ...(await exportJWK(other)), kid: 'key_1', use: 'enc' }
  t.equal(await verifyBy([encrypts, keyOf({ use: 'sig' })]), 'user_1')
})
