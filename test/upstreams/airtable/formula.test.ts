import fc from 'fast-check'
import t from 'tap'
import { type CanonicalEmail, canonicalEmail, toCanonicalEmail } from '../../../domain/email.ts'
import { compileFormula } from '../../../sandbox/airtable/formula/compile.ts'
import { matches } from '../../../sandbox/airtable/formula/matches.ts'
import { questionFormula, quote } from '../../../upstreams/airtable/formula.ts'

/** Whether the stand-in's parser lets a record with this address through the formula. */
function finds(formula: string, cell: string, id = 'recAAAAAAAAAAAAAA'): boolean {
  const findField = (name: string) => (name === 'E-Mail (work)' ? 'fldEmail000000001' : undefined)
  const filter = compileFormula(formula, { findField, now: () => new Date(0) })
  return matches(filter, { id, createdAt: new Date(0), cell: () => cell, modifiedAt: () => null })
}

const ask = (emails: string[], externalIds: string[] = []) =>
  questionFormula('E-Mail (work)', { emails: emails.map(canonicalEmail), externalIds })

/** Local parts made of what could break out of a text literal. */
const hostile = fc
  .array(
    fc.constantFrom(
      "'",
      '"',
      '\\',
      '{',
      '}',
      '(',
      ')',
      ',',
      '=',
      '&',
      'n',
      't',
      'TRUE()',
      'OR(',
      '@',
      'é',
      'σ',
    ),
    {
      minLength: 1,
      maxLength: 16,
    },
  )
  .map((parts) => `${parts.join('')}@example.com`)
const international = fc
  .tuple(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }),
    fc.constantFrom('bücher.example', 'faß.de', '例え.jp'),
  )
  .map((parts) => parts.join('@'))
const anyEmail: fc.Arbitrary<CanonicalEmail> = fc
  .oneof(hostile, international, fc.emailAddress())
  .map((raw) => toCanonicalEmail(raw) ?? canonicalEmail("o'brien@example.com"))

t.test(
  'a canonical address matches itself, in any capitals and with spaces around, and nothing else',
  async (t) => {
    fc.assert(
      fc.property(anyEmail, anyEmail, (email, other) => {
        const formula = ask([email])
        const isFound = finds(formula, email) && finds(formula, ` ${email} `)
        return isFound && finds(formula, other) === (email === other) && !finds(formula, '')
      }),
      { numRuns: 3000 },
    )
    t.ok(finds(ask(['grace@example.com']), 'Grace@Example.COM'))
  },
)

t.test('of many addresses and ids in one question each finds its own record', async (t) => {
  const emails = fc.uniqueArray(anyEmail, { minLength: 1, maxLength: 90 })
  fc.assert(
    fc.property(emails, anyEmail, (emails, other) => {
      const formula = ask(emails, ['recBBBBBBBBBBBBBB'])
      const isEachFound = emails.every((email) => finds(formula, email))
      return isEachFound && finds(formula, other) === emails.includes(other)
    }),
    { numRuns: 100 },
  )
  const formula = ask(['ada@example.com'], ['recBBBBBBBBBBBBBB'])
  t.ok(finds(formula, 'somebody@example.com', 'recBBBBBBBBBBBBBB'))
  t.notOk(finds(formula, 'somebody@example.com', 'recbbbbbbbbbbbbbb'))
})

t.test('an international domain is found in either spelling', async (t) => {
  const formula = ask(['ada@bücher.example'])
  t.ok(finds(formula, 'ada@xn--bcher-kva.example'))
  t.ok(finds(formula, 'Ada@BÜCHER.example'))
  t.notOk(finds(formula, 'ada@bucher.example'))
})

t.test('any text that is quoted is that text', async (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const isText = finds(`{E-Mail (work)}=${quote(text)}`, text)
      return isText && !finds(`{E-Mail (work)}=${quote(text)}`, `${text}.`)
    }),
  )
  t.pass()
})

// shared/cases/airtable-unusable-addresses.json
t.test('a record is found by every spelling of its address that has the same canonical form', async (t) => {
  const spelled = {
    'jürgen@example.com': ['ju\u0308rgen@example.com', 'J\u00dcRGEN@example.com'],
    'ilker@example.com': ['\u0130lker@example.com', 'ILKER@example.com'],
    'ann@example.com': [
      'ann@example\u3002com',
      'ann@\uff45\uff58\uff41\uff4d\uff50\uff4c\uff45\uff0e\uff43\uff4f\uff4d',
      'ann@\uff25\uff38\uff21\uff2d\uff30\uff2c\uff25\u3002\uff23\uff2f\uff2d',
      'ann@example.com, ann@example.com',
    ],
    'ada@bücher.example': [
      'ada@bu\u0308cher.example',
      'ada@b\u00fccher\u3002example',
      'ada@xn--bcher-kva.example',
    ],
    'i\u0307x@example.com': ['i\u0307x@example.com'],
  }
  const formula = ask(Object.keys(spelled))
  for (const [email, cells] of Object.entries(spelled))
    for (const cell of [email, ...cells]) {
      t.ok(finds(ask([email]), cell), `${cell} for ${email}`)
      t.ok(finds(formula, cell), `${cell} among others`)
      if (!cell.includes(',')) t.equal(toCanonicalEmail(cell), canonicalEmail(email))
    }
  for (const cell of ['', ' ', 'ann@example.org', 'nn@example.com', 'ann@example.co'])
    t.notOk(finds(formula, cell), cell)
})
