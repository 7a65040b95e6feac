import { createHmac } from 'node:crypto'
import { inspect } from 'node:util'
import { Webhook as StandardWebhook } from 'standardwebhooks'
import t from 'tap'
import { signAirtable } from '../../domain/signature/airtable.ts'
import { createStandardKey, createTextKey } from '../../domain/signature/keys.ts'
import { signPlain } from '../../domain/signature/plain.ts'
import { createSignatureKeys, type SignatureHeaders, verifySignature } from '../../domain/signature.ts'

import { body, invalid, renamed, sentAt, signed, vector, vectors } from './signature/vectors.ts'

const keys = createSignatureKeys({ standard: [vector.secret] })
const verify = (headers: SignatureHeaders, now = sentAt) => verifySignature(body, headers, keys, now)

t.test('empty and malformed secrets cannot be built, and the message does not tell them', async (t) => {
  const wrong = [
    {},
    { plain: [] },
    { plain: [''] },
    { shared: [''] },
    { standard: [''] },
    { standard: ['whsec_'] },
    { svix: ['whsec_not base64!'] },
    { standard: ['whsk_AAAA'] },
    { standard: ['whpk_AAAA'] },
    { airtable: [''] },
    { airtable: ['@@@@'] },
    { plain: ['fine'], airtable: [''] },
  ]
  for (const secrets of wrong)
    t.throws(() => createSignatureKeys(secrets), TypeError, JSON.stringify(secrets))
  const told = t.throws(() => createSignatureKeys({ svix: ['whsec_hunter2!'] }))
  t.notMatch(inspect(told), 'hunter2')
  t.notMatch(inspect(createSignatureKeys({ plain: ['hunter2'] }), { depth: 9 }), 'hunter2', 'nor do keys')
})

t.test('several secrets are live at once, in every dialect', async (t) => {
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  const live = createSignatureKeys({
    plain: ['old', 'new'],
    standard: [vectors[1].secret, vector.secret],
    airtable: [base64('old'), base64('new')],
  })
  t.same(verifySignature(body, signed, live, sentAt).dialect, 'standard')
  for (const secret of ['old', 'new']) {
    const key = createTextKey(secret)
    t.same(verifySignature(body, { 'x-signature': signPlain(body, key) }, live, 0), { dialect: 'plain' })
    const mac = { 'x-airtable-content-mac': signAirtable(body, key) }
    t.same(verifySignature(body, mac, live, 0), { dialect: 'airtable' })
  }
  const gone = { 'x-signature': signPlain(body, createTextKey('gone')) }
  t.throws(() => verifySignature(body, gone, live, 0), invalid)
})

t.test('X-Signature is lower-case hex, bare or behind sha256=', async (t) => {
  const plain = createSignatureKeys({ plain: ['secret'] })
  const hex = createHmac('sha256', 'secret').update(body).digest('hex')
  const check = (value: string) => verifySignature(body, { 'x-signature': value }, plain, 0)
  for (const value of [hex, `sha256=${hex}`]) t.ok(check(value))
  const wrong = [
    '',
    'sha256=',
    hex.slice(1),
    `${hex}00`,
    hex.toUpperCase(),
    `sha256=sha256=${hex}`,
    `SHA256=${hex}`,
    `sha512=${hex}`,
    `${hex}, ${hex}`,
    `${hex}\n`,
    createHmac('sha256', 'secret').update(body).digest('base64'),
  ]
  for (const value of wrong) t.throws(() => check(value), invalid, inspect(value))
})

t.test("Airtable's content MAC is taken with its prefix and in hex only", async (t) => {
  const secret = Buffer.from('airtable gives out base64').toString('base64')
  const airtable = createSignatureKeys({ airtable: [secret] })
  const mac = createHmac('sha256', Buffer.from(secret, 'base64')).update(body)
  const hex = mac.digest('hex')
  const check = (value: string) => verifySignature(body, { 'x-airtable-content-mac': value }, airtable, 0)
  t.ok(check(`hmac-sha256=${hex}`))
  const text = createHmac('sha256', secret).update(body).digest('hex')
  const wrong = [hex, `sha256=${hex}`, `hmac-sha256=${Buffer.from(hex, 'hex').toString('base64')}`]
  for (const value of [...wrong, `hmac-sha256=${text}`]) t.throws(() => check(value), invalid, value)
})

t.test('one shared secret serves X-Signature and both ways of writing a whsec_', async (t) => {
  const both = (secret: string) => createSignatureKeys({ shared: [secret] })
  const standard = (key: string) => {
    const signature = new StandardWebhook(key).sign(vector.id, new Date(sentAt), vector.body)
    return { ...signed, 'webhook-signature': signature }
  }
  const plain = (key: string) => ({ 'x-signature': createHmac('sha256', key).update(body).digest('hex') })
  const text = 'correct horse battery staple'
  const base64 = vector.secret.slice('whsec_'.length)
  const pairs: [string, SignatureHeaders][] = [
    [text, plain(text)],
    [text, standard(`whsec_${Buffer.from(text).toString('base64')}`)],
    [vector.secret, plain(vector.secret)],
    [vector.secret, standard(vector.secret)],
    [base64, standard(`whsec_${base64}`)],
    [base64, standard(`whsec_${Buffer.from(base64).toString('base64')}`)],
  ]
  for (const [secret, headers] of pairs) t.ok(verifySignature(body, headers, both(secret), sentAt))
})

t.test('a family that is incomplete or wrong is not rescued by another', async (t) => {
  const both = createSignatureKeys({
    plain: ['secret'],
    standard: [vector.secret],
    svix: [vector.secret],
  })
  const svix = renamed(signed)
  const plain = { 'x-signature': signPlain(body, createTextKey('secret')) }
  const check = (headers: SignatureHeaders) => verifySignature(body, headers, both, sentAt)
  t.same(check({ ...signed, ...svix, ...plain }).dialect, 'svix')
  t.same(check({ ...signed, ...plain }).dialect, 'standard')
  t.throws(() => check({ ...signed, ...svix, 'svix-signature': 'v1,AAAA' }), invalid)
  t.throws(() => check({ ...signed, 'svix-id': vector.id }), invalid)
  t.throws(() => check({ ...plain, 'webhook-id': vector.id }), invalid)
  const mixed = {
    'svix-id': vector.id,
    'webhook-timestamp': vector.timestamp,
    'webhook-signature': vector.signature,
  }
  t.throws(() => check(mixed), invalid)
})

t.test('a dialect without secrets is not listened to', async (t) => {
  t.throws(() => verify(renamed(signed)), invalid)
  t.throws(() => verify({ 'x-signature': signPlain(body, createStandardKey(vector.secret)) }), invalid)
  const proof = verify({ ...signed, 'svix-id': 'x', 'x-signature': 'x' })
  t.same(proof.dialect, 'standard', 'and does not disturb those that have some')
})
