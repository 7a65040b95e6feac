const longestText = 1000

/** Text from outside as Postgres can keep it: trimmed, cut, no NUL, no half of a surrogate pair. Undefined for no text. */
export function toText(value: unknown, longest = longestText): string | undefined {
  if (typeof value !== 'string') return undefined
  // Trimmed before it is cut, and a NUL replaced, not dropped: nothing may turn into somebody else's address.
  return value.trim().slice(0, longest).toWellFormed().replaceAll('\0', '\ufffd').trim()
}
