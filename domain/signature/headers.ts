import { refuse } from './refuse.ts'

/** Header names in lower case, as Node gives them. */
export type SignatureHeaders = Readonly<Record<string, string | readonly string[] | undefined>>

/** The one value of a header. An array means that it was sent twice, and then nobody knows which one was meant. */
export function getHeader(headers: SignatureHeaders, name: string): string {
  const value = headers[name]
  if (value === undefined) refuse(`${name} is missing`)
  if (typeof value !== 'string') refuse(`${name} was sent more than once`)
  return value
}
