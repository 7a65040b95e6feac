import { deepStrictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import { Webhook as StandardWebhook } from 'standardwebhooks'
import { Webhook as SvixWebhook } from 'svix'
import t from 'tap'
import { createStandardKey } from '../../../domain/signature/keys.ts'
import { signStandard } from '../../../domain/signature/standard.ts'
import { createSignatureKeys, type SignatureHeaders, verifySignature } from '../../../domain/signature.ts'
import { invalid, pair, renamed, vector, whpk } from './vectors.ts'

const key = createStandardKey(vector.secret)
const keys = createSignatureKeys({ standard: [vector.secret] })
const bothKeys = createSignatureKeys({ standard: [vector.secret], svix: [vector.secret] })

// Their clock is the real one.
const seconds = Math.floor(Date.now() / 1000)
const now = seconds * 1000

// What they parse after verifying, in all the ways that JSON.stringify does not write.
const jsonText = fc
  .tuple(fc.json({ stringUnit: 'binary' }), fc.stringMatching(/^[ \t\r\n]{0,3}$/), fc.nat(4))
  .map(([json, blank, indent]) => `${blank}${JSON.stringify(JSON.parse(json), null, indent)}${blank}`)
const anyId = fc.stringMatching(/^[\x21-\x2b\x2d\x2f-\x7e]{1,60}$/)
const anySecret = fc
  .uint8Array({ minLength: 24, maxLength: 64 })
  .map((raw) => `whsec_${Buffer.from(raw).toString('base64')}`)

t.test('svix and standardwebhooks accept what we sign, and refuse it with another body', async (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(
        anySecret,
        jsonText,
        anyId,
        fc.integer({ min: -290, max: 290 }),
        (secret, json, id, away) => {
          const bytes = Buffer.from(json)
          const message = { id, at: now + away * 1000 }
          const standard = signStandard(bytes, createStandardKey(secret), message)
          const svix = signStandard(bytes, createStandardKey(secret), { ...message, family: 'svix' })
          const library = new StandardWebhook(secret)
          const svixLibrary = new SvixWebhook(secret)
          library.verify(json, standard)
          svixLibrary.verify(bytes, svix)
          svixLibrary.verify(json, standard)
          throws(() => library.verify(`${json} `, standard))
          throws(() => svixLibrary.verify(`${json} `, svix))
        },
      ),
      { numRuns: 500 },
    ),
  )
})

t.test(
  'we accept what svix and standardwebhooks sign, whenever it was, and refuse another body',
  async (t) => {
    t.doesNotThrow(() =>
      fc.assert(
        fc.property(
          anySecret,
          fc.string({ unit: 'binary', maxLength: 200 }),
          anyId,
          fc.integer({ min: 1, max: 99_999_999_999 }),
          fc.integer({ min: -300, max: 300 }),
          (secret, text, id, timestamp, away) => {
            const live = createSignatureKeys({ standard: [vector.secret, secret], svix: [secret] })
            const at = timestamp * 1000
            const arrival = at + away * 1000
            const bytes = Buffer.from(text)
            const proof = { messageId: id, sentAt: at }
            const headers = {
              'webhook-id': id,
              'webhook-timestamp': `${timestamp}`,
              'webhook-signature': new StandardWebhook(secret).sign(id, new Date(at), text),
            }
            const svix = {
              ...renamed(headers),
              'svix-signature': new SvixWebhook(secret).sign(id, new Date(at), bytes),
            }
            deepStrictEqual(verifySignature(bytes, headers, live, arrival), { dialect: 'standard', ...proof })
            deepStrictEqual(verifySignature(bytes, svix, live, arrival), { dialect: 'svix', ...proof })
            const longer = Buffer.concat([bytes, Buffer.from(' ')])
            throws(() => verifySignature(longer, headers, live, arrival))
            throws(() => verifySignature(longer, svix, live, arrival))
          },
        ),
        { numRuns: 500 },
      ),
    )
  },
)

interface Row {
  headers: Record<string, string>
  body?: string | Buffer
}

const json = '{"a":1}'
/** Signed with the message's own head, whatever the rules say of it. */
const signed = (body: string | Buffer = json, id = 'msg_1') =>
  signStandard(Buffer.from(body), key, { id, at: now }) as Record<
    `webhook-${'id' | 'timestamp' | 'signature'}`,
    string
  >
const honest = signed()
const list = (signature: string) => ({ headers: { ...honest, 'webhook-signature': signature } })
const timed = (timestamp: string) => ({ headers: { ...honest, 'webhook-timestamp': timestamp } })
const right = honest['webhook-signature']
const wrong = `v1,${Buffer.alloc(32).toString('base64')}`

const stricter: Record<string, Row> = {
  'a time with something after it': timed(`${seconds}abc`),
  'a time with a fraction': timed(`${seconds}.9`),
  'a time with a sign': timed(`+${seconds}`),
  'a time with a zero before it': timed(`0${seconds}`),
  'a time with a space before it': timed(` ${seconds}`),
  'an id with a dot': { headers: signed(json, 'msg.1') },
  'the body’s beginning moved into the id and the time': {
    headers: {
      ...signed(`${seconds - 1}.${json}`),
      'webhook-id': `msg_1.${seconds}`,
      'webhook-timestamp': `${seconds - 1}`,
    },
  },
  'an id with a space': { headers: signed(json, 'msg 1') },
  'an id that is not ASCII': { headers: signed(json, 'msg_é') },
  'an id of 257 characters': { headers: signed(json, 'x'.repeat(257)) },
  'a signature with something after it': list(`${right},x`),
  'a list with an entry that is none': list(`x ${right}`),
  'a list with two spaces': list(`${wrong}  ${right}`),
  'a list of seventeen': list([...Array.from({ length: 16 }, () => wrong), right].join(' ')),
  'bytes that are not UTF-8, signed as what stands in for them': {
    headers: signed('"\ufffd"'),
    body: Buffer.from([0x22, 0xff, 0x22]),
  },
}

t.test('we refuse what the reference libraries let pass', async (t) => {
  verifySignature(Buffer.from(json), honest, keys, now)
  for (const [name, { headers, body = json }] of Object.entries(stricter)) {
    t.doesNotThrow(
      () => new StandardWebhook(vector.secret).verify(body, headers),
      `standardwebhooks: ${name}`,
    )
    t.doesNotThrow(() => new SvixWebhook(vector.secret).verify(body, renamed(headers)), `svix: ${name}`)
    t.throws(() => verifySignature(Buffer.from(body), headers, bothKeys, now), invalid, name)
    t.throws(
      () => verifySignature(Buffer.from(body), renamed(headers), bothKeys, now),
      invalid,
      `${name}, svix`,
    )
  }
  const rescued = { ...honest, 'svix-id': 'msg_1' }
  t.doesNotThrow(() => new SvixWebhook(vector.secret).verify(json, rescued), 'svix: half a family')
  t.throws(() => verifySignature(Buffer.from(json), rescued, bothKeys, now), invalid, 'half a family')
})

t.test('a header twice is refused like any other, where the libraries stumble', async (t) => {
  for (const name of Object.keys(honest)) {
    const twice: SignatureHeaders = { ...honest, [name]: ['a', 'b'] }
    t.throws(() => verifySignature(Buffer.from(json), twice, keys, now), invalid, name)
  }
  const signatures = { ...honest, 'webhook-signature': [right, right] as unknown as string }
  t.throws(() => new StandardWebhook(vector.secret).verify(json, signatures), TypeError)
  t.throws(() => new SvixWebhook(vector.secret).verify(json, signatures), TypeError)
})

t.test('we accept what the reference libraries cannot: bytes that are not UTF-8, and v1a', async (t) => {
  const curve = createSignatureKeys({ standard: [vector.secret, whpk] })
  const bytes = Buffer.from([0x22, 0xff, 0x22])
  const rows: [string, Buffer, Record<string, string>][] = [
    ['bytes', bytes, signed(bytes)],
    ['v1a', Buffer.from(json), signStandard(Buffer.from(json), pair.privateKey, { id: 'msg_1', at: now })],
  ]
  for (const [name, body, headers] of rows) {
    t.throws(() => new StandardWebhook(vector.secret).verify(body, headers), /No matching signature/, name)
    t.throws(
      () => new SvixWebhook(vector.secret).verify(body, renamed(headers)),
      /No matching signature/,
      name,
    )
    t.equal(verifySignature(body, headers, curve, now).dialect, 'standard', name)
  }
})

function throws(act: () => unknown): void {
  try {
    act()
  } catch {
    return
  }
  throw new Error('accepted')
}
