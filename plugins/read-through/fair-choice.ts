/**
 * So many of the entries, in turns over the client networks: those with one entry come first, so that a network with
 * many cannot keep a quiet one waiting. Within a network the earliest come first.
 */
export function chooseFairly<Entry extends { network: string }>(entries: Entry[], limit: number): Entry[] {
  if (entries.length <= limit) return entries
  const networks = new Map<string, Entry[]>()
  for (const entry of entries) {
    const own = networks.get(entry.network)
    if (own) own.push(entry)
    else networks.set(entry.network, [entry])
  }
  const lines = [...networks.values()].toSorted((a, b) => Number(a.length > 1) - Number(b.length > 1))
  const chosen: Entry[] = []
  for (let round = 0; chosen.length < limit; round += 1)
    chosen.push(...lines.flatMap((line) => line[round] ?? []).slice(0, limit - chosen.length))
  return chosen
}
