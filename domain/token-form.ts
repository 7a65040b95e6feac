/**
 * Whether a text is a signed token in the one spelling that it has: three parts in base64url without padding. Other
 * spellings of the same bytes would be other keys in a cache.
 */
export function isSignedToken(text: string): boolean {
  const [, signature] = /^[\w-]+\.[\w-]+\.([\w-]+)$/.exec(text) ?? []
  return signature !== undefined && Buffer.from(signature, 'base64url').toString('base64url') === signature
}
