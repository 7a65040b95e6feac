import type { Mutations } from './bytes.ts'
import { type Forgery, type Message, resign } from './messages.ts'
import type { Random } from './random.ts'

/** What can be done to the id and the time of those who sign them. */
export const byHead: Mutations = {
  'a time too old or to come, rightly signed': (message, draw) => {
    const away = draw.pick([301, 302, 301 + draw.int(1e8), 86_400])
    const seconds = Math.floor(message.now / 1000) + draw.pick([away, -away])
    const timestamp = `${draw.pick([seconds, seconds, seconds, 1, 999_999_999_999])}`
    return ofFamily(message, () => resign(message, { timestamp }))
  },

  'a replay': (message, draw) => {
    const away = 301 + draw.pick([0, draw.int(1e8)])
    const seconds = Number(message.timestamp) + draw.pick([away, -away])
    return ofFamily(message, () => ({ ...message, now: seconds * 1000 + draw.int(1000) }))
  },

  'another time, not signed': (message, draw) => {
    const seconds = Math.floor(message.now / 1000)
    const others = [seconds - 1, seconds, seconds + 1].filter((each) => `${each}` !== message.timestamp)
    return ofFamily(message, ({ family }) => ({
      ...message,
      headers: { ...message.headers, [`${family}-timestamp`]: `${draw.pick(others)}` },
    }))
  },

  'a time in another spelling': (message, draw) => {
    const timestamp = respell(message.timestamp, draw)
    return ofFamily(message, ({ family }) => ({
      ...message,
      headers: { ...message.headers, [`${family}-timestamp`]: timestamp },
    }))
  },

  'a time in another spelling, rightly signed': (message, draw) =>
    ofFamily(message, () => resign(message, { timestamp: respell(message.timestamp, draw) })),

  'another id, not signed': (message, draw, other) => {
    const { id } = message
    const ids = [other.id, `${id}0`, id.slice(0, -1), id.split('').toReversed().join(''), `${id}/`, `./${id}`]
    return ofFamily(message, ({ family }) => ({
      ...message,
      headers: { ...message.headers, [`${family}-id`]: draw.pick(ids) },
    }))
  },

  'an id that is none, rightly signed': (message, draw) => {
    const { id, timestamp } = message
    const dotted = ['.', '..', `.${id}`, `${id}.`, `${id}.${timestamp}`, id.replace('_', '.')]
    const others = [
      `${id} `,
      ` ${id}`,
      `${id},${id}`,
      `${id}\0`,
      `${id}\n`,
      `${id}ä`,
      `${id}\u2024`,
      id.repeat(20),
    ]
    return ofFamily(message, () => resign(message, { id: draw.pick([...dotted, ...others]) }))
  },

  // id.timestamp.body, cut at other dots: the signed content stays what it was.
  'a shifted boundary': (message, draw) => {
    const { id, timestamp, bytes } = message
    const text = bytes.toString('latin1')
    const at = text.indexOf('.')
    const cuts = [
      ['', `${id}.${timestamp}`, text],
      [`${id}.${timestamp}`, '', text],
      ['', '', `${id}.${timestamp}.${text}`],
      [id.slice(0, 4), `${id.slice(4)}.${timestamp}`, text],
    ]
    if (at >= 0) {
      const seconds = text.slice(0, at)
      const rest = text.slice(at + 1)
      const shifted = [`${id}.${timestamp}`, seconds, rest]
      cuts.push(shifted, shifted, shifted, [id, `${timestamp}.${seconds}`, rest])
    }
    const [otherId = '', otherTimestamp = '', otherText = ''] = draw.pick(cuts)
    return ofFamily(message, ({ family }) => ({
      bytes: Buffer.from(otherText, 'latin1'),
      headers: { ...message.headers, [`${family}-id`]: otherId, [`${family}-timestamp`]: otherTimestamp },
      now: message.now,
    }))
  },
}

function ofFamily(message: Message, forge: (sender: { family: string }) => Forgery): Forgery | undefined {
  const { family } = message.sender
  return family ? forge({ family }) : undefined
}

/** Never the digits alone; mostly what some parser would take for the same second. */
function respell(timestamp: string, draw: Random): string {
  const seconds = Number(timestamp)
  const shift = (zero: number) =>
    timestamp.replace(/\d/g, (digit) => String.fromCodePoint(zero + Number(digit)))
  return draw.pick([
    `+${timestamp}`,
    `-${timestamp}`,
    `0${timestamp}`,
    ` ${timestamp}`,
    `${timestamp} `,
    `${timestamp}\n`,
    `${timestamp}\0`,
    `${timestamp}.`,
    `${timestamp}.0`,
    `${timestamp}.9`,
    `${timestamp}e0`,
    `${timestamp}n`,
    `${timestamp}s`,
    `${timestamp}abc`,
    `${timestamp}000`,
    `${timestamp},${timestamp}`,
    `"${timestamp}"`,
    `${timestamp.slice(0, -3)}_${timestamp.slice(-3)}`,
    `${timestamp.slice(0, -3)},${timestamp.slice(-3)}`,
    `${seconds / 1e9}e9`,
    `0x${seconds.toString(16)}`,
    `0o${seconds.toString(8)}`,
    `0b${seconds.toString(2)}`,
    new Date(seconds * 1000).toISOString(),
    new Date(seconds * 1000).toUTCString(),
    // Full-width, Arabic-Indic and mathematical digits.
    shift(0xff10),
    shift(0x0660),
    shift(0x1d7ce),
    'NaN',
    'Infinity',
    '0',
  ])
}
