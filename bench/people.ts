/** Whoever signs in again and again: one for each connection, as different people would. */
export const people = Array.from({ length: 32 }, (_, index) => ({
  id: recordId('Known', index),
  email: `known-${index}@example.com`,
  name: `Known Person ${index}`,
}))

export const password = 'a-password-of-ordinary-length'

/** Somebody who exists upstream only. */
export function newcomer(index: number) {
  return {
    id: recordId('New', index),
    email: `new-${index}@example.com`,
    name: `New Person ${index}`,
  }
}

function recordId(prefix: string, index: number): string {
  return `rec${prefix}${String(index).padStart(14 - prefix.length, '0')}`
}
