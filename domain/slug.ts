import { createHash } from 'node:crypto'

const shortest = 8
/** The bucket's name has `org-` before it and at most 63 characters. */
const longest = 59

/**
 * What an organization may be called in addresses and bucket names, the best first: the first eight letters and digits
 * of its id upstream, then longer ones, then what nobody else can have.
 */
export function slugCandidates(externalId: string): string[] {
  // What stands before an underscore says what kind of thing it is, such as `org_`.
  const id = externalId.slice(externalId.lastIndexOf('_') + 1).toLowerCase()
  const letters = id
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, longest)
  const hash = createHash('sha256').update(externalId).digest('hex')
  const prefixes = Array.from({ length: Math.max(0, letters.length - shortest) + 1 }, (_, more) =>
    letters.slice(0, shortest + more),
  )
  return [...prefixes, hash.slice(0, 16), hash.slice(0, 32)].filter(
    // The endings are kept by S3 for itself.
    (slug) => /^[a-z0-9].*[a-z0-9]$/.test(slug) && !/(-s3alias|--ol-s3)$/.test(slug),
  )
}

export function bucketOf(slug: string): string {
  return `org-${slug}`
}
