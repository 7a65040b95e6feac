import fc from 'fast-check'
import t from 'tap'
import { uuidv7 } from 'uuidv7'
import {
  createRefreshToken,
  decodeRefreshToken,
  encodeRefreshToken,
  hashRefreshToken,
  nextRefreshToken,
} from '../../domain/refresh-token.ts'
import { deriveKey } from '../../domain/sealing.ts'

const key = deriveKey('a secret for tests of at least 32 bytes', 'refresh-tokens')
const otherKey = deriveKey('another secret for tests of 32 bytes', 'refresh-tokens')
const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

t.test('a token is read back as it was written, generation after generation', async (t) => {
  let token = createRefreshToken(uuidv7())
  for (let generation = 0; generation < 20; generation += 1) {
    t.equal(token.generation, generation)
    t.strictSame(decodeRefreshToken(key, encodeRefreshToken(key, token)), token)
    token = nextRefreshToken(key, token)
  }
  const late = { ...token, generation: 2 ** 32 - 1 }
  t.strictSame(decodeRefreshToken(key, encodeRefreshToken(key, late)), late)
})

t.test('the successor of a token is one and the same, whoever asks and how often', async (t) => {
  const token = createRefreshToken(uuidv7())
  const next = encodeRefreshToken(key, nextRefreshToken(key, token))
  t.equal(encodeRefreshToken(key, nextRefreshToken(key, token)), next)
  const read = decodeRefreshToken(key, encodeRefreshToken(key, token))
  t.equal(read && encodeRefreshToken(key, nextRefreshToken(key, read)), next)
  t.not(encodeRefreshToken(otherKey, nextRefreshToken(otherKey, token)), next)
})

t.test('two sessions, two generations and two secrets have nothing in common', async (t) => {
  const id = uuidv7()
  const tokens = [createRefreshToken(id), createRefreshToken(id), createRefreshToken(uuidv7())]
  const all = tokens.flatMap((token) => [token, nextRefreshToken(key, token)])
  t.equal(new Set(all.map((token) => token.secret.toString('hex'))).size, 6)
  t.equal(new Set(all.map((token) => hashRefreshToken(token).toString('hex'))).size, 6)
})

t.test('a token with any bit flipped is not ours', async (t) => {
  const raw = Buffer.from(encodeRefreshToken(key, createRefreshToken(uuidv7())), 'base64url')
  for (let bit = 0; bit < raw.length * 8; bit += 1) {
    const flipped = Buffer.from(raw)
    flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
    if (decodeRefreshToken(key, flipped.toString('base64url')) !== undefined) t.fail(`bit ${bit}`)
  }
  t.pass()
})

t.test(
  'a token with any character replaced is not ours, the last with its spare bits included',
  async (t) => {
    const text = encodeRefreshToken(key, createRefreshToken(uuidv7()))
    for (const [index, character] of Array.from(text).entries()) {
      for (const other of letters.replace(character, '')) {
        const forged = text.slice(0, index) + other + text.slice(index + 1)
        if (decodeRefreshToken(key, forged) !== undefined) t.fail(`${other} at ${index}`)
      }
    }
    t.pass()
  },
)

t.test('a token under another key, cut short, padded or with a line break is not ours', async (t) => {
  const text = encodeRefreshToken(key, createRefreshToken(uuidv7()))
  t.equal(decodeRefreshToken(otherKey, text), undefined)
  for (const forged of [
    text.slice(1),
    text.slice(0, -1),
    `${text}=`,
    `${text}\n`,
    ` ${text}`,
    text + text,
    '',
  ]) {
    t.equal(decodeRefreshToken(key, forged), undefined)
  }
})

t.test('reading never throws, whatever the text', async (t) => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.string({ unit: fc.constantFrom(...Array.from(letters)), minLength: 91, maxLength: 91 }),
  )
  fc.assert(fc.property(text, (text) => decodeRefreshToken(key, text) === undefined))
  t.pass()
})

t.test('the hash that the database keeps has nothing of the secret', async (t) => {
  const token = createRefreshToken(uuidv7())
  t.equal(hashRefreshToken(token).length, 32)
  t.notSame(hashRefreshToken(token), token.secret)
})
