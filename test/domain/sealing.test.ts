import fc from 'fast-check'
import t from 'tap'
import { deriveKey, seal, unseal } from '../../domain/sealing.ts'

const secret = 'a secret for tests of at least 32 bytes'
const key = deriveKey(secret, 'signing-keys')

t.test('what was sealed is opened again, whatever the text', async (t) => {
  const text = fc.string({ unit: 'grapheme' })
  fc.assert(fc.property(text, (text) => unseal(key, 'kid', seal(key, 'kid', text)) === text))
  t.pass()
})

t.test('sealing one text twice gives two different seals', async (t) => {
  t.notSame(seal(key, 'kid', 'text'), seal(key, 'kid', 'text'))
})

t.test('a seal with any bit flipped is refused', async (t) => {
  const sealed = seal(key, 'kid', 'a private key')
  for (let bit = 0; bit < sealed.length * 8; bit += 1) {
    const flipped = Buffer.from(sealed)
    flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
    t.throws(() => unseal(key, 'kid', flipped), `bit ${bit}`)
  }
})

t.test('a seal is refused under another key, in another context, and cut short', async (t) => {
  const sealed = seal(key, 'kid', 'a private key')
  t.throws(() => unseal(deriveKey(`${secret}!`, 'signing-keys'), 'kid', sealed))
  t.throws(() => unseal(deriveKey(secret, 'accounts'), 'kid', sealed))
  t.throws(() => unseal(key, 'another kid', sealed))
  for (const length of [0, 11, 12, 20, 27, 28, sealed.length - 1]) {
    t.throws(() => unseal(key, 'kid', sealed.subarray(0, length)), `${length} bytes`)
  }
})

t.test('each purpose has a key of its own, the same at every start', async (t) => {
  const keys = (['signing-keys', 'refresh-tokens', 'accounts'] as const).map((purpose) =>
    deriveKey(secret, purpose),
  )
  t.equal(new Set(keys.map((key) => key.toString('hex'))).size, 3)
  t.ok(keys.every((key) => key.length === 32))
  t.strictSame(deriveKey(secret, 'signing-keys'), key)
})
