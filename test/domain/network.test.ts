import fc from 'fast-check'
import t from 'tap'
import { clientNetwork } from '../../domain/network.ts'

t.test('an IPv4 address counts as itself, however it is written', async (t) => {
  for (const address of ['192.0.2.1', '::ffff:192.0.2.1', '::FFFF:192.0.2.1']) {
    t.equal(clientNetwork(address), '192.0.2.1')
  }
  fc.assert(fc.property(fc.ipV4(), (address) => clientNetwork(address) === address))
})

t.test('an IPv6 address counts as its /64, however it is written', async (t) => {
  for (const address of [
    '2001:db8:0:1::',
    '2001:db8:0:1::1',
    '2001:DB8:0:1:0:0:0:1',
    '2001:0db8:0000:0001:ffff:ffff:ffff:ffff',
    '2001:db8::1:2:3:4:5',
    '2001:db8:0:1::1%eth0',
  ]) {
    t.equal(clientNetwork(address), '2001:db8:0:1::/64', address)
  }
  t.equal(clientNetwork('::1'), '0:0:0:0::/64')
  t.equal(clientNetwork('::'), '0:0:0:0::/64')
  t.equal(clientNetwork('fe80::1%en0'), 'fe80:0:0:0::/64')
})

t.test('two addresses share a network if and only if their first 64 bits are the same', async (t) => {
  const group = fc.integer({ min: 0, max: 0xffff }).map((number) => number.toString(16))
  const groups = fc.array(group, { minLength: 8, maxLength: 8 })
  fc.assert(
    fc.property(groups, groups, fc.nat(8), (one, other, shared) => {
      const mixed = [...one.slice(0, shared), ...other.slice(shared)]
      const isSame = one.slice(0, 4).join() === mixed.slice(0, 4).join()
      return (clientNetwork(one.join(':')) === clientNetwork(mixed.join(':'))) === isSame
    }),
  )
  fc.assert(fc.property(fc.ipV6(), (address) => /^([0-9a-f]{1,4}:){4}:\/64$/.test(clientNetwork(address))))
  t.pass()
})

t.test('whatever a proxy sends as an address, there is an answer of bounded length', async (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => clientNetwork(text).length <= 2 * text.length + 20),
  )
  t.pass()
})
