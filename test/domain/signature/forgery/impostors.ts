import { createHash, createHmac } from 'node:crypto'
import type { Mutations } from './bytes.ts'
import { resign } from './messages.ts'
import { createPrivate, isCurve, type Sender, toContent, toHeaders, toMac, toSignature } from './senders.ts'
import { withSignature } from './signatures.ts'

/** What somebody signs who has another key, another content or another dialect. */
export function byImpostor(senders: readonly Sender[]): Mutations {
  return {
    // Trailing NULs make no other key for HMAC, nor does the hash of one that is longer than 64 bytes.
    'a wrong secret': (message, draw) => {
      const { signer } = message.key
      if (!Buffer.isBuffer(signer)) return resign(message, { key: { signer: stranger, misread: [] } })
      const flipped = Buffer.from(signer)
      flipped[0] = (flipped[0] ?? 0) ^ (1 << draw.int(8))
      const newline = Buffer.concat([signer, Buffer.from('\n')])
      const wrong = [
        draw.bytes(32),
        flipped,
        signer.subarray(1),
        newline,
        Buffer.alloc(0),
        Buffer.from('secret'),
      ]
      return resign(message, { key: { signer: draw.pick(wrong), misread: [] } })
    },

    'a secret misread, or a public key taken for one': (message, draw) => {
      const { sender, key, id, timestamp, bytes } = message
      const mac = toMac(draw.pick(key.misread), toContent(sender, id, timestamp, bytes))
      const prefix = isCurve(sender) ? 'v1,' : sender.prefix
      return withSignature(message, prefix + mac.toString(sender.encoding))
    },

    "another dialect's key": (message, draw) => {
      const { sender } = message
      const others = senders.filter((each) => each.keys !== sender.keys && isCurve(each) === isCurve(sender))
      return resign(message, { key: draw.pick(draw.pick(others).keys) })
    },

    'a signature of other content': (message, draw) => {
      const { sender, id, timestamp, bytes } = message
      const around = [
        Buffer.concat([bytes, Buffer.from('\n')]),
        Buffer.concat([Buffer.from('.'), bytes]),
        Buffer.concat([Buffer.from(`${id}${timestamp}`), bytes]),
        Buffer.concat([Buffer.from(`${timestamp}.`), bytes]),
        Buffer.concat([Buffer.from(`${timestamp}.${id}.`), bytes]),
        Buffer.concat([Buffer.from(`${id}.`), bytes]),
        Buffer.concat([Buffer.from(`${id}:${timestamp}:`), bytes]),
        Buffer.from(`x${bytes.toString('base64')}`),
      ]
      const rest = sender.family ? [bytes] : [Buffer.concat([Buffer.from(`${id}.${timestamp}.`), bytes])]
      const mac = toMac(message.key.signer, draw.pick([...around, ...rest]))
      return withSignature(message, toSignature(sender, mac))
    },

    'another hash': (message, draw) => {
      const { sender, id, timestamp, bytes, key } = message
      const content = toContent(sender, id, timestamp, bytes)
      const signer = Buffer.isBuffer(key.signer) ? key.signer : (key.misread[0] ?? Buffer.alloc(0))
      const macs = [
        createHmac('sha512', signer).update(content).digest(),
        createHmac('sha512', signer).update(content).digest().subarray(0, 32),
        createHmac('sha3-256', signer).update(content).digest(),
        createHmac('sha1', signer).update(content).digest(),
        createHash('sha256').update(content).digest(),
        createHash('sha256').update(signer).update(content).digest(),
        createHmac('sha256', content).update(signer).digest(),
      ]
      return withSignature(message, toSignature(sender, draw.pick(macs)))
    },

    "a signature under another dialect's headers": (message, draw) => {
      const { sender, mac, id, timestamp } = message
      const target = draw.pick(senders.filter(({ dialect }) => dialect !== sender.dialect))
      const signature = message.headers[sender.header] ?? ''
      const value = draw.pick([signature, toSignature(target, mac)])
      return { ...message, headers: toHeaders(target, id, timestamp, value) }
    },

    'a family half under the other family’s names': (message, draw) => {
      if (!message.sender.family) return undefined
      const moved = 1 + draw.int(6)
      const renamed = Object.entries(message.headers).map(([name, value], at) =>
        moved & (1 << at) ? [otherFamily(name), value] : [name, value],
      )
      return { ...message, headers: Object.fromEntries(renamed) }
    },

    'a dialect that proves more, broken, beside an honest one that proves less': (message, draw) => {
      const strength = ['plain', 'airtable', 'standard', 'svix']
      const isStronger = ({ dialect }: Sender) =>
        strength.indexOf(dialect) > strength.indexOf(message.sender.dialect)
      const stronger = senders.filter(isStronger)
      if (stronger.length === 0) return undefined
      const sender = draw.pick(stronger)
      const { id, timestamp } = message
      const broken = toHeaders(
        sender,
        id,
        timestamp,
        toSignature(sender, draw.bytes(isCurve(sender) ? 64 : 32)),
      )
      const [name, value] = draw.pick(Object.entries(broken))
      const added = draw.pick([broken, { [name]: value }, { [name]: '' }])
      return { ...message, headers: { ...message.headers, ...added } }
    },

    'parts of two honest requests': (message, draw, other) => {
      const names = Object.keys(message.headers).filter(
        (name) => message.headers[name] !== other.headers[name],
      )
      const places = message.bytes.equals(other.bytes) ? names : [...names, 'body']
      if (places.length < 2) return undefined
      // Some of what differs, neither nothing nor all of it.
      const taken = 1 + draw.int(2 ** places.length - 2)
      const isTaken = (place: string) => places.includes(place) && taken & (1 << places.indexOf(place))
      const headers = Object.entries(message.headers).map(([name, value]) => [
        name,
        isTaken(name) ? other.headers[name] : value,
      ])
      return {
        bytes: isTaken('body') ? other.bytes : message.bytes,
        headers: Object.fromEntries(headers),
        now: message.now,
      }
    },
  }
}

const otherFamily = (name: string) =>
  name.startsWith('svix-') ? name.replace('svix-', 'webhook-') : name.replace('webhook-', 'svix-')

const stranger = createPrivate(Buffer.alloc(32, 'stranger'))
