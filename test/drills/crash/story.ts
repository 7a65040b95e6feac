import type { PersonFields, UserChange } from '../../../domain/change.ts'

/** An event as it is sent, and what it says in the words of the domain. */
export interface ToldEvent {
  id: string
  body: string
  payload: object
  change: UserChange
}

const stepMs = 10
const longestStory = 100
const statuses = ['active', 'active', 'active', 'disabled'] as const
const roles = ['admin', 'member', 'viewer'] as const

/**
 * Events about people without an end, each one new. Half of the people live in order; of the others it is told in no
 * order at all, some things at the same time. Two neighbours share two of their addresses, and now and then one has
 * the other's.
 */
export function createStory(people: number): () => ToldEvent {
  const began = Date.now() - 86_400_000
  const ages = Array.from({ length: people }, () => 0)
  let told = 0

  return () => {
    told += 1
    const index = below(people)
    const age = (ages[index] ?? 0) + 1
    ages[index] = age
    const at = began + stepMs * (index % 2 === 0 ? age : below(longestStory))
    const kind = age === 1 ? 'user.created' : pickKind()
    const eventId = `evt_${told}`
    const about = {
      upstream: 'airtable',
      externalId: `recCrash${String(index).padStart(9, '0')}`,
      stamp: { at, event: eventId },
    }
    const fields = kind === 'user.deleted' ? {} : makeFields(index, kind)
    const change: UserChange =
      kind === 'user.deleted'
        ? { type: kind, ...about }
        : {
            type: 'user.upserted',
            created: kind === 'user.created',
            // No column for organizations is configured.
            fields: { ...fields, organizations: [] },
            ...about,
          }
    const payload = {
      eventId,
      eventType: kind,
      occurredAt: new Date(at).toISOString(),
      user: { id: about.externalId, ...fields },
    }
    return { id: eventId, body: JSON.stringify(payload), payload, change }
  }

  function makeFields(index: number, kind: 'user.created' | 'user.updated'): Partial<PersonFields> {
    const isWhole = kind === 'user.created'
    return {
      ...((isWhole || below(3) === 0) && { email: pick(addressesOf(index)) }),
      ...((isWhole || below(2) === 0) && { name: `Name ${told}` }),
      ...((isWhole || below(3) === 0) && { status: pick(statuses) }),
      ...((isWhole || below(3) === 0) && { role: pick(roles) }),
      ...(below(4) === 0 && { avatarUrl: `https://example.org/${told}.png` }),
    }
  }
}

function addressesOf(index: number): string[] {
  const house = Math.floor(index / 2)
  return [
    `person${index}@example.org`,
    `Person${index}@Example.org`,
    `other${index}@example.org`,
    `house${house}@example.org`,
    `garden${house}@example.org`,
  ]
}

function pickKind() {
  const dice = below(10)
  return dice < 2 ? 'user.created' : dice < 3 ? 'user.deleted' : 'user.updated'
}

function pick<T>(all: readonly T[]): T {
  return all[below(all.length)] as T
}

export function below(limit: number): number {
  return Math.floor(Math.random() * limit)
}
