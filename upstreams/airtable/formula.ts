import { domainToUnicode } from 'node:url'
import type { Question } from '../upstream.ts'

/** A text literal: every backslash doubled first, then the quotes; the other order would let a value break out. */
export function quote(text: string): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")
  return `'${escaped}'`
}

/** Matches the records that may answer the question. What comes back is compared again in code. */
export function questionFormula(emailColumn: string, question: Question): string {
  const address = `LOWER(TRIM({${emailColumn}}))`
  const terms = [
    ...question.emails
      .flatMap(spellings)
      .flatMap(twice)
      .map((email) => `${address}=${quote(email)}`),
    ...question.externalIds.map((id) => `RECORD_ID()=${quote(id)}`),
  ]
  return `OR(${terms.join(',')})`
}

/** People write an international domain either way. */
function spellings(email: string): string[] {
  const at = email.lastIndexOf('@') + 1
  const unicode = domainToUnicode(email.slice(at))
  return unicode === email.slice(at) || unicode === '' ? [email] : [email, email.slice(0, at) + unicode]
}

/** A look-up over two links to one record holds its address twice. */
function twice(email: string): string[] {
  return [email, `${email}, ${email}`]
}
