import { lowerSimple } from './email.ts'

/** An organization as a record of a person names it: by its name, or by the id of the record that a linked cell holds. */
export type OrganizationRef = { name: string } | { id: string }

/** The upstream of organizations that records of people name: they are kept here, and no upstream tells of them. */
export const namedUpstream = 'local'

const longestName = 200

/**
 * A name as it is shown: composed (NFC), with single spaces. Undefined for what cannot be one: nothing, more than 200
 * characters, control characters, or what could not be read as text.
 */
export function toOrganizationName(text: string): string | undefined {
  // Of "ⅻ" and the like the compatible form is another name: two organizations would become one.
  const name = text.normalize('NFC').replaceAll(/\s+/g, ' ').trim()
  const isName = name !== '' && name.length <= longestName && !/[\p{Cc}\p{Cs}\ufffd]/u.test(name)
  return isName ? name : undefined
}

/**
 * The key of an organization: names that differ in case, spaces or normal form alone are one, whichever upstream has them;
 * ids are their upstream's.
 */
export function organizationKey(upstream: string, ref: OrganizationRef): string {
  if ('id' in ref) return `${upstream}:${ref.id}`
  const name = toOrganizationName(ref.name) ?? ref.name
  return `name:${lowerSimple(name).normalize('NFC')}`
}

/** Without repetitions, in an order of its own: the same cell gives the same value. */
export function toOrganizationRefs(upstream: string, refs: OrganizationRef[]): OrganizationRef[] {
  const byKey = new Map(refs.map((ref) => [organizationKey(upstream, ref), ref]))
  return [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, ref]) => ref)
}
