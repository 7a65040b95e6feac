import { createHash } from 'node:crypto'

const shortest = 8
/** The bucket's name has `org-` before it and at most 63 characters. */
const longest = 59

/**
 * What an organization may be called in addresses and bucket names, the best first: as upstream wishes, then the same with
 * an ending of its own. Without a wish the first eight letters and digits of its id upstream, then longer ones. Last a
 * hash, which no other organization has.
 */
export function slugCandidates(externalId: string, wish?: string): string[] {
  const hash = createHash('sha256').update(externalId).digest('hex')
  const wished = wish === undefined ? '' : toLetters(withoutMarks(wish))
  const candidates = wished === '' ? prefixesOf(externalId) : withEndings(wished, hash)
  return [...new Set([...candidates, hash.slice(0, 16), hash.slice(0, 32)])].filter(
    // The endings are kept by S3 for itself.
    (slug) => /^[a-z0-9].*[a-z0-9]$/.test(slug) && !/(-s3alias|--ol-s3)$/.test(slug),
  )
}

function withEndings(wish: string, hash: string): string[] {
  return [0, 4, 8, 16].map((length) => {
    if (length === 0) return wish
    return `${wish.slice(0, longest - 1 - length).replace(/-+$/, '')}-${hash.slice(0, length)}`
  })
}

function prefixesOf(externalId: string): string[] {
  // What stands before an underscore says what kind of thing it is, such as `org_`.
  const id = externalId.slice(externalId.lastIndexOf('_') + 1)
  const letters = toLetters(id)
  return Array.from({ length: Math.max(0, letters.length - shortest) + 1 }, (_, more) =>
    letters.slice(0, shortest + more),
  )
}

function toLetters(text: string): string {
  const letters = text.toLowerCase().replaceAll(/[^a-z0-9-]+/g, '-')
  return letters.replace(/^-+/, '').slice(0, longest).replace(/-+$/, '')
}

/** "Ångström" without what stands above its letters. */
function withoutMarks(text: string): string {
  return text.normalize('NFKD').replaceAll(/\p{M}+/gu, '')
}

export function bucketOf(slug: string): string {
  return `org-${slug}`
}
