/** The smallest value that at least this share of the values does not exceed; NaN for none. */
export function quantile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

/**
 * How well one value tells which of two samples it is from: 0.5 not at all, 1 always. The larger one of both directions;
 * equal values count half.
 */
export function auc(a: number[], b: number[]): number {
  const all = [...a.map((value) => ({ value, isA: true })), ...b.map((value) => ({ value, isA: false }))]
  all.sort((left, right) => left.value - right.value)
  let rankSum = 0
  for (let from = 0; from < all.length; ) {
    let to = from
    while (to < all.length && all[to]?.value === all[from]?.value) to += 1
    const rank = (from + 1 + to) / 2
    for (const { isA } of all.slice(from, to)) if (isA) rankSum += rank
    from = to
  }
  const share = (rankSum - (a.length * (a.length + 1)) / 2) / (a.length * b.length)
  return Math.max(share, 1 - share)
}
