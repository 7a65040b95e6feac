import type { Forgery, Message } from './messages.ts'
import type { Random } from './random.ts'

export type Mutations = Readonly<
  Record<string, (message: Message, draw: Random, other: Message) => Forgery | undefined>
>

/** What can be done to any text: to the body, and to every header. */
export const byBytes: Mutations = {
  'a flipped bit in the body': (message, draw) => {
    if (message.bytes.length === 0) return undefined
    const bytes = Buffer.from(message.bytes)
    const at = draw.int(bytes.length)
    bytes[at] = (bytes[at] ?? 0) ^ (1 << draw.int(8))
    return { ...message, bytes }
  },

  'a flipped bit in a header': (message, draw) =>
    inHeader(message, draw, (value) => {
      const at = draw.int(value.length)
      return replaceAt(value, at, String.fromCharCode(value.charCodeAt(at) ^ (1 << draw.int(8))))
    }),

  'a body cut, prolonged or emptied': (message, draw) => {
    const { bytes } = message
    const longer = Buffer.concat([bytes, draw.pick([draw.bytes(1), Buffer.from('\n'), Buffer.from('}')])])
    if (bytes.length === 0) return { ...message, bytes: longer }
    const cut = draw.int(bytes.length)
    const cuts = [bytes.subarray(0, cut), bytes.subarray(bytes.length - cut), Buffer.alloc(0)]
    return { ...message, bytes: draw.pick([longer, ...cuts]) }
  },

  'JSON written another way': (message, draw) => {
    const [, ...others] = message.spellings
    return others.length > 0 ? { ...message, bytes: Buffer.from(draw.pick(others)) } : undefined
  },

  'JSON in another encoding': (message, draw) => {
    const [json] = message.spellings
    if (json === undefined) return undefined
    const texts = [`\ufeff${json}`, json.replace(/$/, '\u00a0'), json.replace('user', 'us\u00ader')]
    const others = [
      ...texts.map((text) => Buffer.from(text)),
      Buffer.from(json, 'utf16le'),
      Buffer.from(json).toString('base64'),
      encodeURIComponent(json),
    ]
    return { ...message, bytes: Buffer.from(draw.pick(others)) }
  },

  'a look-alike in the body': (message, draw) => {
    const [json] = message.spellings
    if (json === undefined) return undefined
    const at = draw.pick(findPlaces(json, /[!-~]/g))
    return { ...message, bytes: Buffer.from(replaceAt(json, at, lookAlike(json.charAt(at), draw))) }
  },

  'a look-alike in a header': (message, draw) =>
    inHeader(message, draw, (value) => {
      const at = draw.int(value.length)
      return replaceAt(value, at, lookAlike(value.charAt(at), draw))
    }),

  'an invisible or a blank more in a header': (message, draw) =>
    inHeader(message, draw, (value) => {
      const blank = draw.pick(['\u200b', '\u00ad', '\ufeff', '\u00a0', '\t', '\n', '\r\n', ' '])
      return insertAt(value, draw.pick([0, value.length, draw.int(value.length)]), blank)
    }),

  'a NUL': (message, draw) => {
    if (draw.int(3) > 0)
      return inHeader(message, draw, (value) => {
        const at = draw.int(value.length + 1)
        return draw.pick([insertAt(value, at, '\0'), `${value}\0`, `${value}\0${value}`, `\0${value}`])
      })
    const at = draw.int(message.bytes.length + 1)
    const parts = [message.bytes.subarray(0, at), Buffer.alloc(1), message.bytes.subarray(at)]
    return { ...message, bytes: Buffer.concat(parts) }
  },

  'another case': (message, draw) =>
    inHeader(message, draw, (value) => {
      const letters = findPlaces(value, /[A-Za-z]/g)
      if (letters.length === 0) return undefined
      const at = draw.pick(letters)
      const letter = value.charAt(at)
      const other = letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase()
      const one = replaceAt(value, at, other)
      return value === value.toUpperCase() ? one : draw.pick([one, value.toUpperCase()])
    }),

  'a header empty or absent': (message, draw) => {
    const name = draw.pick(Object.keys(message.headers))
    const { [name]: _, ...others } = message.headers
    if (draw.int(3) === 0) return { ...message, headers: others }
    const empty = ['', ' ', '\0', ',', 'undefined', 'null', message.sender.prefix]
    return { ...message, headers: { ...others, [name]: draw.pick(empty) } }
  },

  'a header twice, as an array': (message, draw, other) => {
    const [name, value] = draw.pick(Object.entries(message.headers))
    const second = other.headers[name] ?? value
    const twice = [[], [value], [value, value], [value, second], [second, value], [value, '']]
    return { ...message, headers: { ...message.headers, [name]: draw.pick(twice) } }
  },

  // Without those that make a list of signatures: a list may hold the right one.
  'a header twice, joined': (message, draw, other) => {
    const [name, value] = draw.pick(Object.entries(message.headers))
    const second = draw.pick([other.headers[name] ?? value, value])
    const isList = message.sender.family !== undefined && name === message.sender.header
    const joint = draw.pick(isList ? [',', ';', '\n', ''] : [', ', ',', ' ', ';', '\n', ''])
    return { ...message, headers: { ...message.headers, [name]: value + joint + second } }
  },
}

function inHeader(
  message: Message,
  draw: Random,
  change: (value: string) => string | undefined,
): Forgery | undefined {
  const [name, value] = draw.pick(Object.entries(message.headers))
  const changed = change(value)
  return changed === undefined ? undefined : { ...message, headers: { ...message.headers, [name]: changed } }
}

const findPlaces = (text: string, sign: RegExp) => [...text.matchAll(sign)].map(({ index }) => index)
const replaceAt = (text: string, at: number, sign: string) => text.slice(0, at) + sign + text.slice(at + 1)
const insertAt = (text: string, at: number, sign: string) => text.slice(0, at) + sign + text.slice(at)

// Cyrillic and Greek twins, and those that case folding or normalisation would turn into ASCII.
const twins: Readonly<Record<string, string>> = {
  a: '\u0430',
  c: '\u0441',
  e: '\u0435',
  g: '\u0261',
  h: '\u04bb',
  k: '\u212a',
  m: '\u217f',
  s: '\u017f',
  v: '\u03bd',
  A: '\u0391',
  K: '\u212a',
  0: '\u041e',
  1: '\u00b9',
  2: '\u00b2',
  3: '\u0417',
  '/': '\u2215',
  '+': '\ufe62',
  '=': '\ufe66',
  ',': '\u201a',
  '"': '\u201c',
}

/** Of a printable ASCII sign: its twin, or its full-width form. */
function lookAlike(sign: string, draw: Random): string {
  const wide = String.fromCharCode(sign.charCodeAt(0) + 0xfee0)
  return draw.pick([twins[sign] ?? wide, wide])
}
