import fc from 'fast-check'
import t from 'tap'
import { uuidv7 } from 'uuidv7'
import {
  createRefreshToken,
  decodeRefreshToken,
  encodeRefreshToken,
  hashRefreshToken,
  type RefreshToken,
  toGeneration,
} from '../../domain/refresh-token.ts'
import { createKeyRing } from '../../domain/sealing.ts'

const secret = 'a secret for tests of at least 32 bytes'
const otherSecret = 'another secret for tests of 32 bytes'
const keys = createKeyRing(secret, 'refresh-tokens')
const otherKeys = createKeyRing(otherSecret, 'refresh-tokens')
const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

t.test('a token is read back as it was written, generation after generation', async (t) => {
  let token = createRefreshToken(uuidv7())
  for (let generation = 0; generation < 20; generation += 1) {
    t.equal(token.generation, generation)
    t.strictSame(decodeRefreshToken(keys, encodeRefreshToken(keys, token)), token)
    token = toGeneration(token, generation + 1)
  }
  const late = { ...token, generation: 2 ** 32 - 1 }
  t.strictSame(decodeRefreshToken(keys, encodeRefreshToken(keys, late)), late)
})

t.test(
  'any token of a session leads to the token of a later generation, under whichever secret',
  async (t) => {
    const tokens = [createRefreshToken(uuidv7())]
    for (let generation = 1; generation < 5; generation += 1)
      tokens.push(toGeneration(tokens.at(-1) as RefreshToken, generation))
    const both = createKeyRing([otherSecret, secret], 'refresh-tokens')
    for (const [index, token] of tokens.entries()) {
      const read = decodeRefreshToken(
        both,
        encodeRefreshToken(index % 2 ? keys : both, token),
      ) as RefreshToken
      t.strictSame(hashRefreshToken(toGeneration(read, 4)), hashRefreshToken(tokens[4] as RefreshToken))
    }
  },
)

t.test('the token of another generation cannot be made without the secret', async (t) => {
  const token = createRefreshToken(uuidv7())
  const raw = Buffer.from(encodeRefreshToken(keys, token), 'base64url')
  raw.writeUInt32BE(1, 16)
  t.equal(decodeRefreshToken(keys, raw.toString('base64url')), undefined)
})

t.test('the hashes of two sessions and of two generations have nothing in common', async (t) => {
  const id = uuidv7()
  const tokens = [createRefreshToken(id), createRefreshToken(id), createRefreshToken(uuidv7())]
  const all = tokens.flatMap((token) => [token, toGeneration(token, 1)])
  t.equal(new Set(tokens.map((token) => token.seed.toString('hex'))).size, 3)
  t.equal(new Set(all.map((token) => hashRefreshToken(token).toString('hex'))).size, 6)
})

t.test('a token with any bit flipped is not ours', async (t) => {
  const raw = Buffer.from(encodeRefreshToken(keys, createRefreshToken(uuidv7())), 'base64url')
  for (let bit = 0; bit < raw.length * 8; bit += 1) {
    const flipped = Buffer.from(raw)
    flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
    if (decodeRefreshToken(keys, flipped.toString('base64url')) !== undefined) t.fail(`bit ${bit}`)
  }
  t.pass()
})

t.test(
  'a token with any character replaced is not ours, the last with its spare bits included',
  async (t) => {
    const text = encodeRefreshToken(keys, createRefreshToken(uuidv7()))
    for (const [index, character] of Array.from(text).entries()) {
      for (const other of letters.replace(character, '')) {
        const forged = text.slice(0, index) + other + text.slice(index + 1)
        if (decodeRefreshToken(keys, forged) !== undefined) t.fail(`${other} at ${index}`)
      }
    }
    t.pass()
  },
)

t.test('a token under another key, cut short, padded or with a line break is not ours', async (t) => {
  const text = encodeRefreshToken(keys, createRefreshToken(uuidv7()))
  t.equal(decodeRefreshToken(otherKeys, text), undefined)
  for (const forged of [
    text.slice(1),
    text.slice(0, -1),
    `${text}=`,
    `${text}\n`,
    ` ${text}`,
    text + text,
    '',
  ]) {
    t.equal(decodeRefreshToken(keys, forged), undefined)
  }
})

t.test('reading never throws, whatever the text', async (t) => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.string({ unit: fc.constantFrom(...Array.from(letters)), minLength: 91, maxLength: 91 }),
  )
  fc.assert(fc.property(text, (text) => decodeRefreshToken(keys, text) === undefined))
  t.pass()
})

t.test('the hash that the database keeps has nothing of the seed', async (t) => {
  const token = createRefreshToken(uuidv7())
  t.equal(hashRefreshToken(token).length, 32)
  t.notSame(hashRefreshToken(token), token.seed)
})
