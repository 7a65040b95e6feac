export const faultKinds = [
  'none',
  'refuse',
  'reset',
  'stall',
  'drip',
  'rate_limit',
  'quota',
  'error_500',
  'html_502',
  'malformed',
  'half_body',
  'oversize',
  'unauthorized',
  'forbidden',
] as const

export type FaultKind = (typeof faultKinds)[number]

/** What ails every answer under /v0, and how late each of them is. */
export type Fault = { kind: FaultKind; latencyMs: number }

export const noFault: Fault = { kind: 'none', latencyMs: 0 }

export function isFaultKind(kind: unknown): kind is FaultKind {
  return faultKinds.some((known) => known === kind)
}
