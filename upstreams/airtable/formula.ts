import { domainToUnicode } from 'node:url'
import type { Question } from '../upstream.ts'

/** A text literal: every backslash doubled first, then the quotes; the other order would let a value break out. */
export function quote(text: string): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")
  return `'${escaped}'`
}

/**
 * Matches the records that may answer the question, and perhaps others: what comes back is compared again in code. Addresses are
 * looked for in one list, since no address has a blank: each in the spellings that share its canonical form.
 */
export function questionFormula(emailColumn: string, question: Question): string {
  const terms = question.externalIds.map((id) => `RECORD_ID()=${quote(id)}`)
  if (question.emails.length > 0) {
    // LOWER makes "i" and a dot above (U+0307) of "İ", whose canonical form is "i".
    const address = `SUBSTITUTE(LOWER(TRIM({${emailColumn}})),${quote('i\u0307')},'i')`
    const list = question.emails.flatMap(spellings).join(' ').replaceAll('i\u0307', 'i')
    terms.unshift(`FIND(' '&${address}&' ',${quote(` ${list} `)})`)
  }
  return `OR(${terms.join(',')})`
}

/** Spellings of an address in lower case: composed and decomposed, the domain in ASCII, in Unicode and in full width. */
function spellings(email: string): string[] {
  const at = email.lastIndexOf('@') + 1
  const [local, domain] = [email.slice(0, at), email.slice(at)]
  const unicode = domainToUnicode(domain) || domain
  const domains = [domain, unicode, toFullWidth(domain)].flatMap((each) => [
    each,
    each.replace(/[.．]/g, '。'),
  ])
  const all = domains.flatMap((each) => [`${local}${each}`, `${local}${each}`.normalize('NFD')])
  // A look-up over two links to one record holds its address twice.
  return [...new Set([...all, `${email}, ${email}`])]
}

/** As an input method for Chinese or Japanese writes ASCII. */
function toFullWidth(text: string): string {
  return text.replace(/[!-~]/g, (c) => String.fromCodePoint((c.codePointAt(0) ?? 0) + 0xfee0))
}
