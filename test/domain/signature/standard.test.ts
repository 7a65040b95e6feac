import { inspect } from 'node:util'
import t from 'tap'
import { createStandardKey } from '../../../domain/signature/keys.ts'
import { signStandard } from '../../../domain/signature/standard.ts'
import { createSignatureKeys, type SignatureHeaders, verifySignature } from '../../../domain/signature.ts'

import {
  body,
  invalid,
  pair,
  rawPublicKey,
  renamed,
  sentAt,
  signed,
  vector,
  vectors,
  whpk,
} from './vectors.ts'

const keys = createSignatureKeys({ standard: [vector.secret] })
const verify = (headers: SignatureHeaders, now = sentAt) => verifySignature(body, headers, keys, now)

t.test('the official vectors verify under both header families and prove id and time', async (t) => {
  for (const { secret, id, timestamp, body, signature } of vectors) {
    const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature }
    const now = Number(timestamp) * 1000
    const both = createSignatureKeys({ standard: [secret], svix: [secret] })
    const proof = { messageId: id, sentAt: now }
    const bytes = Buffer.from(body)
    t.same(verifySignature(bytes, headers, both, now), { dialect: 'standard', ...proof })
    t.same(verifySignature(bytes, renamed(headers), both, now), { dialect: 'svix', ...proof })
    t.same(signStandard(bytes, createStandardKey(secret), { id, at: now }), headers, 'and signing makes them')
  }
})

t.test('a message is accepted up to and including 300 seconds away, in both directions', async (t) => {
  for (const seconds of [-300, 300]) t.ok(verify(signed, sentAt + seconds * 1000))
  for (const seconds of [-301, 301]) t.throws(() => verify(signed, sentAt + seconds * 1000), invalid)
  t.throws(() => verify(signed, Number.NaN), invalid, 'a broken clock accepts nothing')
})

t.test('each header of a family is needed', async (t) => {
  for (const missing of Object.keys(signed)) {
    t.throws(() => verify({ ...signed, [missing]: undefined }), invalid, missing)
    t.throws(() => verify({ ...signed, [missing]: '' }), invalid, `${missing} is empty`)
  }
  t.throws(() => verify({}), invalid)
})

t.test('headers that came as arrays or more than once are refused', async (t) => {
  for (const [name, value] of Object.entries(signed)) {
    t.throws(() => verify({ ...signed, [name]: [value] }), invalid, `${name} as an array`)
    t.throws(() => verify({ ...signed, [name]: [value, value] }), invalid, `${name} as an array of two`)
  }
  // Node joins what was repeated by a comma.
  for (const name of ['webhook-id', 'webhook-timestamp'] as const) {
    t.throws(
      () => verify({ ...signed, [name]: `${signed[name]}, ${signed[name]}` }),
      invalid,
      `${name} twice`,
    )
  }
})

t.test('timestamps are digits and nothing else', async (t) => {
  const now = vector.timestamp
  for (const timestamp of [
    `${now}abc`,
    `${now}.9`,
    ` ${now}`,
    `+${now}`,
    `0${now}`,
    '1e9',
    '0x60',
    '-1',
    'NaN',
  ])
    t.throws(() => verify({ ...signed, 'webhook-timestamp': timestamp }), invalid, timestamp)
})

t.test('ids have no dots, since id.timestamp.body must have one reading, and an end', async (t) => {
  const key = createStandardKey(vector.secret)
  for (const id of ['msg.1', 'a b', 'ä', 'x'.repeat(257)]) {
    t.throws(() => verify(signStandard(body, key, { id, at: sentAt })), invalid, id.slice(0, 10))
  }
  t.ok(verify(signStandard(body, key, { id: 'x'.repeat(256), at: sentAt })))
})

t.test('one right signature in a list is enough, and unknown versions are passed over', async (t) => {
  const wrong = 'v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc='
  const right = vector.signature
  const list = (...entries: string[]) => ({ ...signed, 'webhook-signature': entries.join(' ') })
  t.ok(verify(list(wrong, wrong.replace('v1', 'v2'), right)))
  t.ok(verify({ ...signed, 'webhook-signature': `${wrong}, ${right}` }), 'joined as Supabase Auth does')
  t.throws(() => verify(list(wrong)), invalid)
  t.throws(() => verify(list(right.replace('v1', 'v2'))), invalid, 'only under a version we do not know')
  t.throws(() => verify(list(...Array<string>(16).fill(wrong), right)), invalid, 'more than sixteen entries')
})

t.test('signatures that are cut, padded or spelled another way are refused', async (t) => {
  const mac = vector.signature.slice('v1,'.length)
  const other = [
    'v1,',
    `v1,${mac.slice(0, 8)}`,
    mac,
    `v1,${mac.slice(0, -1)}`,
    `v1,${mac}=`,
    `v1,${mac.replace('+', '-').replace('/', '_')}`,
    // The last character's two spare bits: the same bytes to a lenient decoder.
    `v1,${mac.slice(0, -2)}F=`,
    `V1,${mac}`,
    `v1,${mac}\n`,
    ` v1,${mac}`,
  ]
  for (const signature of other)
    t.throws(() => verify({ ...signed, 'webhook-signature': signature }), invalid, inspect(signature))
})

t.test('a secret counts with or without whsec_, padded or not', async (t) => {
  const secret = vector.secret.slice('whsec_'.length)
  t.ok(verifySignature(body, signed, createSignatureKeys({ standard: [secret] }), sentAt))
  const bytes = Buffer.from('twenty-five bytes as key!')
  const padded = bytes.toString('base64')
  const headers = signStandard(body, createStandardKey(`whsec_${padded}`), { id: 'msg_1', at: sentAt })
  for (const form of [padded, padded.replace(/=+$/, '')])
    t.ok(verifySignature(body, headers, createSignatureKeys({ standard: [`whsec_${form}`] }), sentAt), form)
})

t.test('v1a verifies ed25519 under a whpk_ key, and v1 and v1a never vouch for each other', async (t) => {
  const curve = createSignatureKeys({ standard: [vector.secret, whpk] })
  const message = { id: vector.id, at: sentAt }
  const headers = signStandard(body, pair.privateKey, message)
  t.match(headers['webhook-signature'], /^v1a,[\w+/]{86}==$/)
  t.same(verifySignature(body, headers, curve, sentAt), { dialect: 'standard', messageId: vector.id, sentAt })
  t.ok(verifySignature(body, signed, curve, sentAt), 'while HMAC goes on beside it')
  t.throws(() => verify(headers), invalid, 'no public key, no v1a')

  // The public key is public: whoever takes it for an HMAC secret must get nowhere.
  const forged = signStandard(body, createStandardKey(`whsec_${rawPublicKey.toString('base64')}`), message)
  t.throws(() => verifySignature(body, forged, curve, sentAt), invalid)
})
