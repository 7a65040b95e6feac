import fc from 'fast-check'
import t from 'tap'
import { canonicalEmail, toCanonicalEmail } from '../../domain/email.ts'
import { FirstloginError } from '../../errors.ts'

const longest = `${'a'.repeat(254 - '@example.com'.length)}@example.com`

/** Spellings, and the one key under which all of them are found. */
const spellings: [key: string, ...spelled: string[]][] = [
  [
    'ada@example.com',
    'ada@example.com',
    'ADA@EXAMPLE.COM',
    '  Ada@Example.com\t\r\n',
    '\ufeffada@example.com\u00a0',
  ],
  ["o'brien@example.com", "O'Brien@Example.com"],
  ['ada+tag@example.com', 'Ada+TAG@example.com'],
  ['istanbul@example.com', 'İstanbul@example.com', 'I\u0307stanbul@example.com', 'ISTANBUL@example.com'],
  ['ıstanbul@example.com', 'ıstanbul@example.com'],
  ['josé@example.com', 'jos\u00e9@example.com', 'jose\u0301@example.com', 'JOSE\u0301@example.com'],
  ['οδυσσευσ@example.com', 'ΟΔΥΣΣΕΥΣ@example.com'],
  ['οδυσσευς@example.com', 'οδυσσευς@example.com'],
  ['straße@example.com', 'STRAẞE@example.com'],
  [
    'ada@xn--bcher-kva.example',
    'ada@bücher.example',
    'ada@BÜCHER.example',
    'ada@xn--bcher-kva.EXAMPLE',
    'ada@bu\u0308cher.example',
  ],
  ['ada@xn--fa-hia.de', 'ada@faß.de'],
  ['ada@example.com', 'ada@ｅｘａｍｐｌｅ.com', 'ada@example。com'],
  ['a"b@c"@example.com', 'a"b@c"@example.com'],
  ['ada@localhost', 'ada@localhost'],
  ['ada@1.2.3.4', 'ada@1.2.3.4'],
  [longest, longest, longest.toUpperCase()],
]

const refused = {
  nothing: '',
  'no @': 'ada.example.com',
  'nothing before the @': '@example.com',
  'nothing after the @': 'ada@',
  'a space inside': 'a da@example.com',
  'a space in the domain': 'ada@exam ple.com',
  'a NUL': 'ada\0@example.com',
  'a line break': 'ada@example.com\nbcc:bob@example.com',
  'a zero width space': 'a\u200bda@example.com',
  'a soft hyphen': 'ada@exam\u00adple.com',
  'a right-to-left mark': 'ada\u202e@example.com',
  'a line separator': 'ada\u2028@example.com',
  'a lone surrogate': 'ada\ud800@example.com',
  'half of a pair': 'ada\udc00@example.com',
  '255 octets': `a${longest}`,
  '254 characters in more octets': `ü${longest.slice(1)}`,
  '10,000 characters': `${'a'.repeat(10_000)}@example.com`,
  '10,000 spaces around': `${' '.repeat(10_000)}ada@example.com`,
  'a path in the domain': 'ada@example.com/b',
  'a query in the domain': 'ada@example.com?b',
  'a port in the domain': 'ada@example.com:25',
  'a backslash in the domain': 'ada@example.com\\b',
  'a percent sign in the domain': 'ada@exa%6dple.com',
  'a full-width solidus in the domain': 'ada@example.com／b',
  'a domain in brackets': 'ada@[127.0.0.1]',
  'a domain that ends with a dot': 'ada@example.com.',
  'a domain that ends with an ideographic dot': 'ada@example.com。',
  'an IPv4 address in short': 'ada@1.2',
  'an IPv4 address in hexadecimal': 'ada@0x7f.1',
  'an IPv4 address in short and in full-width digits': 'ada@１.２',
  'a number': 'ada@2130706433',
}

for (const [key, ...spelled] of spellings) {
  t.test(`all spellings of ${key.slice(0, 40)} are one key`, async (t) => {
    for (const spelling of spelled) t.equal(toCanonicalEmail(spelling), key)
  })
}

for (const [what, raw] of Object.entries(refused)) {
  t.test(`an address with ${what} is refused as FL_EMAIL_INVALID`, async (t) => {
    t.equal(toCanonicalEmail(raw), undefined)
    t.throws(() => canonicalEmail(raw), { code: 'FL_EMAIL_INVALID', status: 400 })
  })
}

const anyText = fc.string({ unit: 'binary' })
const domain = fc.oneof(fc.domain(), fc.ipV4(), fc.string({ unit: 'grapheme', maxLength: 12 }), anyText)
const anyAddress = fc.oneof(
  fc.tuple(fc.oneof(fc.string({ unit: 'grapheme' }), anyText), domain).map((parts) => parts.join('@')),
  fc.emailAddress(),
  anyText,
  fc
    .array(fc.constantFrom(...Array.from('aAİıΣσςẞ@@..。-_ü\u0301\u0307１2x／n')), { maxLength: 14 })
    .map((parts) => parts.join('')),
)

t.test('the canonical form of a canonical form is itself, and fit for a key', async (t) => {
  fc.assert(
    fc.property(anyAddress, (raw) => {
      const key = toCanonicalEmail(raw)
      if (key === undefined) return true
      const isFit = Buffer.byteLength(key) <= 254 && key.normalize('NFC') === key && !/[\s\0]/.test(key)
      return isFit && toCanonicalEmail(key) === key
    }),
    { numRuns: 5000 },
  )
  t.pass()
})

t.test('capitals, spaces around and the way that accents are written never change the key', async (t) => {
  fc.assert(
    fc.property(fc.emailAddress(), (raw) => {
      const key = toCanonicalEmail(raw)
      return [raw.toUpperCase(), ` ${raw} `, raw.normalize('NFD')].every(
        (other) => toCanonicalEmail(other) === key,
      )
    }),
  )
  t.pass()
})

t.test('whatever the text, there is a key or FL_EMAIL_INVALID and nothing else', async (t) => {
  fc.assert(
    fc.property(anyAddress, (raw) => {
      try {
        return canonicalEmail(raw) !== ''
      } catch (error) {
        return error instanceof FirstloginError && error.code === 'FL_EMAIL_INVALID'
      }
    }),
    { numRuns: 3000 },
  )
  t.pass()
})
