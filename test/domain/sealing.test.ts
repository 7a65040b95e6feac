import fc from 'fast-check'
import t from 'tap'
import { createKeyRing, deriveKey, isSealedByCurrent, seal, unseal } from '../../domain/sealing.ts'

const secret = 'a secret for tests of at least 32 bytes'
const other = 'another secret for tests of 32 bytes or more'
const keys = createKeyRing(secret, 'signing-keys')

t.test('what was sealed is opened again, whatever the text', async (t) => {
  const text = fc.string({ unit: 'grapheme' })
  fc.assert(fc.property(text, (text) => unseal(keys, 'kid', seal(keys, 'kid', text)) === text))
  t.pass()
})

t.test('sealing one text twice gives two different seals', async (t) => {
  t.notSame(seal(keys, 'kid', 'text'), seal(keys, 'kid', 'text'))
})

t.test('a seal with any bit flipped is refused', async (t) => {
  const sealed = seal(keys, 'kid', 'a private key')
  for (let bit = 0; bit < sealed.length * 8; bit += 1) {
    const flipped = Buffer.from(sealed)
    flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
    t.throws(() => unseal(keys, 'kid', flipped), `bit ${bit}`)
  }
})

t.test('a seal is refused under another secret, for another purpose or context, and cut short', async (t) => {
  const sealed = seal(keys, 'kid', 'a private key')
  t.throws(() => unseal(createKeyRing(`${secret}!`, 'signing-keys'), 'kid', sealed))
  t.throws(() => unseal(createKeyRing([other, `${secret}!`], 'signing-keys'), 'kid', sealed))
  t.throws(() => unseal(createKeyRing(secret, 'accounts'), 'kid', sealed))
  t.throws(() => unseal(keys, 'another kid', sealed))
  for (const length of [0, 11, 12, 20, 27, 28, sealed.length - 1])
    t.throws(() => unseal(keys, 'kid', sealed.subarray(0, length)), `${length} bytes`)
})

t.test('of several secrets the first encrypts and all decrypt', async (t) => {
  const both = createKeyRing([other, secret], 'signing-keys')
  const old = seal(keys, 'kid', 'a private key')
  t.equal(unseal(both, 'kid', old), 'a private key')
  const fresh = seal(both, 'kid', 'a private key')
  t.equal(unseal(createKeyRing(other, 'signing-keys'), 'kid', fresh), 'a private key')
  t.throws(() => unseal(keys, 'kid', fresh))
  t.equal(isSealedByCurrent(both, 'kid', old), false)
  t.equal(isSealedByCurrent(both, 'kid', fresh), true)
  t.throws(() => isSealedByCurrent(keys, 'kid', fresh))
  t.throws(() => createKeyRing([], 'signing-keys'), { message: 'There is no FIRSTLOGIN_SECRET.' })
})

t.test('each purpose and each secret has a key of its own, the same at every start', async (t) => {
  const purposes = ['signing-keys', 'refresh-tokens', 'accounts', 'feeds', 'devices'] as const
  const all = purposes.flatMap((purpose) => createKeyRing([secret, other], purpose).all)
  t.equal(new Set(all.map((key) => key.toString('hex'))).size, 10)
  t.ok(all.every((key) => key.length === 32))
  t.strictSame(createKeyRing([secret, other], 'accounts').all[1], deriveKey(other, 'accounts'))
  t.strictSame(createKeyRing(secret, 'signing-keys').current, keys.current)
})
