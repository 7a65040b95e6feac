import fc from 'fast-check'
import t from 'tap'
import { compileFormula } from '../../../sandbox/airtable/formula/compile.ts'
import type { Row } from '../../../sandbox/airtable/formula/evaluator.ts'
import { FormulaError } from '../../../sandbox/airtable/formula/formula-error.ts'
import { matches } from '../../../sandbox/airtable/formula/matches.ts'
import { injectionCorpus, longValue, quote } from './quote.ts'

const rowOf = (email: string): Row => ({
  id: 'recAda00000000001',
  createdAt: new Date(0),
  cell: () => email,
  modifiedAt: () => null,
})

const nobody = rowOf('nobody@example.com')
const compile = (formula: string) =>
  compileFormula(formula, { findField: () => 'fldEmail000000001', now: () => new Date(0) })

for (const text of [...injectionCorpus, longValue]) {
  t.test(`${JSON.stringify(text).slice(0, 60)} stays text when it is quoted`, async (t) => {
    for (const mark of ["'", '"'] as const) {
      t.equal(compile(quote(text, mark))(nobody), text)
      const filter = compile(`OR({Email} = ${quote(text, mark)}, {Email} = 'x')`)
      t.equal(matches(filter, nobody), false)
      t.equal(matches(filter, rowOf(text)), true)
    }
  })
}

t.test('any text that is quoted by the two-step escape evaluates to itself', async (t) => {
  const anyText = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom('\\', "'", '"', '{', '}', '\n', ',', '(', ')', 'n', '=') }),
  )
  fc.assert(
    fc.property(anyText, fc.constantFrom("'" as const, '"' as const), (text, mark) => {
      return compile(quote(text, mark))(nobody) === text
    }),
    { numRuns: 2000 },
  )
  t.pass()
})

t.test('an e-mail that is put in without any escape finds everybody, as it does at Airtable', async (t) => {
  const email = "' , TRUE(), '"
  t.equal(matches(compile(`OR({Email} = '${email}')`), nobody), true)
})

t.test('an escape that forgets the backslash lets the text out of its quotes', async (t) => {
  const careless = (text: string) => `'${text.replaceAll("'", "\\'")}'`
  t.throws(() => compile(`OR({Email} = ${careless('\\')}, {Email} = 'x')`))
  t.throws(() => compile(`OR({Email} = ${careless("\\'")})`))
})

t.test('whatever characters a formula is made of, it is either read or refused', async (t) => {
  const pieces = [
    "'",
    '"',
    '\\',
    '{',
    '}',
    'Email',
    'OR',
    '(',
    ')',
    ',',
    '=',
    '&',
    '-',
    '1',
    '/',
    '0',
    ' ',
    'é',
  ]
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...pieces) }), (formula) => {
      try {
        matches(compile(formula), nobody)
      } catch (error) {
        if (!(error instanceof FormulaError)) throw error
      }
    }),
    { numRuns: 2000 },
  )
  t.pass()
})
