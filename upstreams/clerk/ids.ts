/** An id that can stand in a filter, where a sign in front would exclude it, and in a path. */
export function isAskable(id: string): boolean {
  return /^\w[\w-]{0,199}$/.test(id)
}
