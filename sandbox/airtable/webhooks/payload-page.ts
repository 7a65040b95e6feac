import { collaborator } from '../collaborator.ts'
import { invalidRequest } from '../errors.ts'
import { type Hook, type KeptPayload, weekMs } from './hook.ts'

export type PayloadPage = { payloads: unknown[]; cursor: number; mightHaveMore: boolean }

const maxPayloads = 50

/** The payloads from a cursor on, without those that are too old; those are forgotten, read or not. */
export function listPayloads(hook: Hook, query: URLSearchParams, now: number): PayloadPage {
  const cursor = wholeNumber(query.get('cursor'), 1, Number.MAX_SAFE_INTEGER)
  const limit = wholeNumber(query.get('limit'), maxPayloads, maxPayloads)
  hook.payloads = hook.payloads.filter(({ at }) => now < at + weekMs)
  const waiting = hook.payloads.filter(({ number }) => number >= cursor)
  const page = waiting.slice(0, limit)
  const last = page.at(-1)
  return {
    payloads: page.map(toPayload),
    cursor: last ? last.number + 1 : cursor,
    mightHaveMore: waiting.length > page.length,
  }
}

function toPayload({ at, transaction, source, news }: KeptPayload) {
  return {
    timestamp: new Date(at).toISOString(),
    baseTransactionNumber: transaction,
    actionMetadata: { source, sourceMetadata: { user: collaborator } },
    payloadFormat: 'v0',
    ...news,
  }
}

function wholeNumber(text: string | null, otherwise: number, most: number): number {
  if (text === null) return otherwise
  const number = Number(text)
  if (text.trim() !== '' && Number.isSafeInteger(number) && number >= 1 && number <= most) return number
  throw invalidRequest()
}
