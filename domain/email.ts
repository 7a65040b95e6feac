import { domainToASCII } from 'node:url'
import { FirstloginError } from '../errors.ts'

/** An address as people are keyed by it: trimmed, NFC, lower case, domain in ASCII, at most 254 octets. */
export type CanonicalEmail = string & { readonly canonical: unique symbol }

const longestOctets = 254
// A NUL breaks Postgres; invisible format characters make two addresses look like one.
const forbiddenAnywhere = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\s]/u
// domainToASCII parses a URL host: "a/b" would lose its tail, "1.2" would become 1.0.0.2.
const forbiddenInDomain = /[^\w.\u0080-\u{10ffff}-]|\.$/u
// What it makes of "⑴", of "。" at the end or of full-width digits must be a domain by the same measure, not a number.
const nameInAscii = /^(?![\d.]*$)[\w.-]*[\w-]$/

/** Domains that the ASCII form of domains changes nothing of but the case. */
const plainDomain = /^([a-z][a-z0-9]*\.)+[a-z]+$/i

/** Simple (one to one) case mapping, without the sigma and dotted-I rules of String.toLowerCase. */
export function lowerSimple(text: string): string {
  if (/^[\x21-\x7e]*$/.test(text)) return text.toLowerCase()
  return Array.from(text, (c) => (c === 'İ' ? 'i' : c.toLowerCase())).join('')
}

/** The canonical form, or undefined for anything that cannot be a key. */
export function toCanonicalEmail(raw: string): CanonicalEmail | undefined {
  if (raw.length > 4 * longestOctets || !raw.isWellFormed()) return undefined
  const trimmed = raw.trim().normalize('NFC')
  if (forbiddenAnywhere.test(trimmed)) return undefined
  const at = trimmed.lastIndexOf('@')
  const domain = trimmed.slice(at + 1)
  if (at < 1 || forbiddenInDomain.test(domain)) return undefined
  const isAscii = /^[\w.-]+$/.test(domain)
  const ascii = plainDomain.test(domain) ? domain.toLowerCase() : domainToASCII(domain)
  if (isAscii ? ascii !== domain.toLowerCase() : !nameInAscii.test(ascii)) return undefined
  const email = `${lowerSimple(trimmed.slice(0, at)).normalize('NFC')}@${ascii}`
  return Buffer.byteLength(email) > longestOctets ? undefined : (email as CanonicalEmail)
}

/** Throws FL_EMAIL_INVALID for anything that cannot be a key: no `@`, control characters, more than 254 octets. */
export function canonicalEmail(raw: string): CanonicalEmail {
  const email = toCanonicalEmail(raw)
  if (email === undefined) throw new FirstloginError('FL_EMAIL_INVALID')
  return email
}
