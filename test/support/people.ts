import { hash } from '@node-rs/argon2'
import type { AirtableStandIn } from '../../sandbox/airtable/stand-in.ts'

export const password = 'correct horse battery staple'

// Cheap on purpose: what is measured with many people is not the hash.
const cheapHash = hash(password, { memoryCost: 64, timeCost: 1, parallelism: 1 })

/** Adds people to Airtable as a user of it would; they share one password. Answers their addresses. */
export async function addPeople(
  airtable: AirtableStandIn,
  count: number,
  prefix = 'person',
): Promise<string[]> {
  const passwordHash = await cheapHash
  return Array.from({ length: count }, (_, index) => {
    const email = `${prefix}.${index}@example.org`
    const id = `rec${prefix.padEnd(6, 'x').slice(0, 6)}${String(index).padStart(8, '0')}`
    airtable.records.put(id, {
      Email: email,
      Name: `Person ${index}`,
      Role: 'Member',
      'Password Hash': passwordHash,
    })
    return email
  })
}
