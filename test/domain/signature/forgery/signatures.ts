import type { Mutations } from './bytes.ts'
import { type Forgery, type Message } from './messages.ts'
import { isCurve, toSignature } from './senders.ts'

/** What can be done to a signature. */
export const bySignature: Mutations = {
  'a signature cut': (message, draw) => {
    const encoded = message.mac.toString(message.sender.encoding)
    const cut = draw.int(encoded.length)
    const parts = [encoded.slice(0, cut), encoded.slice(encoded.length - cut)]
    return withSignature(message, message.sender.prefix + draw.pick(parts))
  },

  'a signature repeated within itself': (message, draw) => {
    const { prefix, encoding } = message.sender
    const { mac } = message
    const encoded = mac.toString(encoding)
    return withSignature(
      message,
      draw.pick([
        prefix + encoded + encoded,
        prefix + Buffer.concat([mac, mac]).toString(encoding),
        prefix + encoded + encoded.slice(-1),
        prefix + encoded + prefix + encoded,
        `${prefix || 'sha256='}${prefix || 'sha256='}${encoded}`,
      ]),
    )
  },

  'a signature rearranged': (message, draw) => {
    const { mac, sender } = message
    const half = mac.length / 2
    const others = [
      mac.toReversed(),
      Buffer.concat([mac.subarray(half), mac.subarray(0, half)]),
      Buffer.concat([mac.subarray(1), mac.subarray(0, 1)]),
      mac.map((byte) => byte ^ 0xff),
      Buffer.alloc(mac.length),
      Buffer.alloc(mac.length, 0xff),
      draw.bytes(mac.length),
    ]
    return withSignature(message, toSignature(sender, Buffer.from(draw.pick(others))))
  },

  'a signature in another spelling': (message, draw) => {
    const { sender, mac } = message
    const { prefix } = sender
    const hex = mac.toString('hex')
    const base64 = mac.toString('base64')
    const encoded = sender.encoding === 'hex' ? hex : base64
    const at = 1 + draw.int(encoded.length)
    const inside = prefix + encoded.slice(0, at) + (prefix || 'sha256=') + encoded.slice(at)
    const common = [
      inside,
      prefix + encodeURIComponent(`=${base64}`),
      `${prefix}"${hex}"`,
      `${prefix}0x${hex}`,
    ]
    const spaced = hex.replace(/..(?=.)/g, '$&:')
    if (sender.encoding === 'hex') {
      const others = [base64, mac.toString('base64url'), spaced, `${hex}=`, ` ${hex}`]
      return withSignature(message, draw.pick([...common, ...others.map((other) => prefix + other)]))
    }
    const others = [
      hex,
      spaced,
      base64.replace(/=+$/, ''),
      `${base64}=`,
      base64.replace(/=+$/, (padding) => padding.replaceAll('=', '%3D')),
      `${base64.slice(0, 20)}\n${base64.slice(20)}`,
      ...toLooseBase64(base64),
      ...(/[+/]/.test(base64) ? [base64.replaceAll('+', '-').replaceAll('/', '_')] : []),
      ...(base64.includes('+') ? [base64.replaceAll('+', ' ')] : []),
    ]
    return withSignature(message, draw.pick([...common, ...others.map((other) => prefix + other)]))
  },

  'a signature under another prefix': (message, draw) => {
    const { prefix, encoding, family } = message.sender
    const encoded = message.mac.toString(encoding)
    const plainly = ['sha1=', 'sha512=', 'sha256:', 'sha256,', 'sha256==', '=', 'v1=', 'v1,', 'hmac-sha1=']
    const versions = ['v1', 'v1:', 'v1=', 'v2,', 'v11,', 'v1b,', 'v,', '1,', ',', 'v1 ', 'V1,', '', 'v01,']
    const crossed = { plain: ['hmac-sha256='], airtable: ['sha256=', ''], standard: [], svix: [] }
    const others = family
      ? [...versions, prefix === 'v1,' ? 'v1a,' : 'v1,']
      : [...plainly, ...crossed[message.sender.dialect]]
    return withSignature(message, draw.pick(others) + encoded)
  },

  'an ed25519 signature with the same meaning to a lax verifier': (message, draw) => {
    if (!isCurve(message.sender)) return undefined
    const r = message.mac.subarray(0, 32)
    const s = message.mac.subarray(32)
    const pairs = [
      [r, toBytes(toInteger(s) + order)],
      [r, toBytes(order - toInteger(s))],
      [r, Buffer.alloc(32)],
      // The neutral point, and no scalar.
      [toBytes(1n), Buffer.alloc(32)],
    ]
    return withSignature(message, toSignature(message.sender, Buffer.concat(draw.pick(pairs))))
  },

  'a list without the right signature, or that is no list': (message, draw, other) => {
    const { sender, mac } = message
    if (!sender.family) return undefined
    const right = toSignature(sender, mac)
    const encoded = mac.toString('base64')
    const wrong = () => toSignature(sender, draw.bytes(mac.length))
    const wrongs = Array.from({ length: 1 + draw.int(4) }, wrong)
    const broken = draw.pick([
      '',
      'v1',
      'v1,',
      ',',
      'v1,?',
      `${right},x`,
      'v1,A,A',
      'x',
      ';',
      'v123456789a,AA',
    ])
    const lists = [
      wrongs,
      [...wrongs, `v2,${encoded}`, `v1b,${encoded}`],
      [...wrongs, other.headers[sender.header] ?? ''],
      [...Array.from({ length: 16 }, wrong), right],
      [right, ...Array.from({ length: 16 }, wrong)],
      Array.from({ length: 17 }, () => right),
      [right, broken],
      [broken, right],
      [sender.prefix + encoded.slice(0, 20), encoded.slice(20)],
      [sender.prefix, encoded],
    ]
    if (draw.int(4) > 0) return withSignature(message, draw.pick(lists).join(draw.pick([' ', ', '])))
    return withSignature(
      message,
      [wrong(), right].join(draw.pick([',', ';', '\t', '  ', '\n', ' , ', '|', ''])),
    )
  },
}

export function withSignature(message: Message, signature: string): Forgery {
  return { ...message, headers: { ...message.headers, [message.sender.header]: signature } }
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** The same bytes to a decoder that does not look at the spare bits of the last character. */
function toLooseBase64(base64: string): readonly string[] {
  const padding = base64.endsWith('==') ? 2 : 1
  const at = base64.length - padding - 1
  const value = alphabet.indexOf(base64.charAt(at))
  const spare = Array.from({ length: 4 ** padding - 1 }, (_, bits) => alphabet.charAt(value + bits + 1))
  return spare.map((letter) => base64.slice(0, at) + letter + base64.slice(at + 1))
}

// RFC 8032: the order of the base point. A verifier that does not bound s takes s + order for s.
const order = 2n ** 252n + 27742317777372353535851937790883648493n
const toInteger = (bytes: Buffer) => BigInt(`0x${Buffer.from(bytes.toReversed()).toString('hex')}`)
const toBytes = (integer: bigint) =>
  Buffer.from(Buffer.from(integer.toString(16).padStart(64, '0'), 'hex').toReversed())
