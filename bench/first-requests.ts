import { askWho, type IdentityWorld, type Issuer } from './identity.ts'
import { sleepUntil, time } from './timing.ts'

/** Milliseconds of a stranger's first request, and of the same machine's other doings in the same moment. */
export interface FirstRequest {
  total: number
  /** The request of somebody who was there before. */
  ordinary: number
}

/** Room for what comes behind the answer: the names that tokens do not tell. */
const distanceMs = 60

/** Strangers come with tokens that an issuer has just signed, one after the other; the issuer's keys are known. */
export async function measureFirstRequests(
  { hostUrl, tokens, createStranger }: IdentityWorld,
  issuer: Issuer,
  count: number,
): Promise<FirstRequest[]> {
  const requests: FirstRequest[] = []
  const seen = new Set<string>()
  for (const token of [...tokens, await createStranger(issuer)]) await askWho(hostUrl, token)
  for (let index = 0; index < count; index += 1) {
    const token = await createStranger(issuer)
    const started = performance.now()
    let ids: string[] = []
    const total = await time(async () => (ids = await askWho(hostUrl, token)))
    for (const id of ids) seen.add(id)
    if (seen.size !== 2 * (index + 1)) throw new Error('A stranger was taken for somebody else.')
    await sleepUntil(started + distanceMs / 2)
    const ordinary = await time(() => askWho(hostUrl, tokens[index % tokens.length] ?? ''))
    requests.push({ total, ordinary })
    await sleepUntil(started + distanceMs)
  }
  return requests
}
