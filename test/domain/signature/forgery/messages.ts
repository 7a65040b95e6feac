import type { Random } from './random.ts'
import { type Key, type Sender, toContent, toHeaders, toMac, toSignature } from './senders.ts'

/** An honest request, and what it is made of. `id` and `timestamp` are only sent by those who sign them. */
export interface Message {
  sender: Sender
  key: Key
  id: string
  timestamp: string
  bytes: Buffer
  mac: Buffer
  headers: Readonly<Record<string, string>>
  /** When it arrives, in milliseconds. */
  now: number
  /** Every way its JSON is written, if it is JSON; the first is how it was sent. */
  spellings: readonly string[]
}

export interface Forgery {
  bytes: Buffer
  headers: Readonly<Record<string, string | readonly string[]>>
  now: number
}

/** What an honest sender sends, within the tolerance up to its edges; `count` is in the id and in the JSON. */
export function createMessage(sender: Sender, draw: Random, now: number, count: number): Message {
  const seconds = Math.floor(now / 1000)
  const id = `msg_${draw.bytes(12).toString('hex')}g${count}`
  const timestamp = `${seconds + draw.pick([-300, 300, draw.int(601) - 300])}`
  const spellings = rotate(toSpellings(createValue(draw, count)), draw)
  const [json = ''] = spellings
  const kind = draw.int(20)
  const made = { sender, key: draw.pick(sender.keys), id, timestamp, now }
  if (kind === 0) return signed({ ...made, bytes: Buffer.alloc(0), spellings: [] })
  if (kind === 1) return signed({ ...made, bytes: draw.bytes(1 + draw.int(99)), spellings: [] })
  // Bytes that look like the end of another message's head.
  if (kind < 5) return signed({ ...made, bytes: Buffer.from(`${seconds}.${json}`), spellings: [] })
  return signed({ ...made, bytes: Buffer.from(json), spellings })
}

/** The message with other parts, signed anew: by its own key, unless another is given. */
export function resign(
  message: Message,
  parts: Partial<Pick<Message, 'sender' | 'key' | 'id' | 'timestamp' | 'bytes'>>,
): Message {
  return signed({ ...message, ...parts })
}

function signed(parts: Omit<Message, 'mac' | 'headers'>): Message {
  const { sender, key, id, timestamp, bytes } = parts
  const mac = toMac(key.signer, toContent(sender, id, timestamp, bytes))
  return { ...parts, mac, headers: toHeaders(sender, id, timestamp, toSignature(sender, mac)) }
}

export interface Value {
  type: string
  data: { name: string; path: string; count: number }
}

export function createValue(draw: Random, count: number): Value {
  const name = `Zoë ${draw.bytes(4).toString('hex')}`
  return { type: 'user.updated', data: { name, path: `a/${draw.int(1e6)}`, count } }
}

/** Different texts, all of which JSON.parse takes for the same value. */
export function toSpellings(value: Value): readonly string[] {
  const { type, data } = value
  const compact = JSON.stringify(value)
  const count = (text: string) => compact.replace(`"count":${data.count}`, `"count":${text}`)
  return [
    compact,
    JSON.stringify(value, null, 2),
    JSON.stringify(value, null, '\t'),
    JSON.stringify(value, null, 2).replaceAll('\n', '\r\n'),
    ` ${compact}`,
    `${compact}\n`,
    compact.replace(':', ': '),
    JSON.stringify({ data, type }),
    JSON.stringify({ type, data: { count: data.count, path: data.path, name: data.name } }),
    `{"type":"",${compact.slice(1)}`,
    count(`${data.count}.0`),
    count(`${data.count}e0`),
    count(`${data.count}0E-1`),
    compact.replace('ë', '\\u00eb'),
    compact.replace('ë', '\\u00EB'),
    compact.replace('/', '\\/'),
    compact.replace('"type"', '"\\u0074ype"'),
  ]
}

function rotate<T>(list: readonly T[], draw: Random): readonly T[] {
  const at = draw.int(list.length)
  return [...list.slice(at), ...list.slice(0, at)]
}
