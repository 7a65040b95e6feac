/** Browsers keep `Secure` cookies of a plain address for this machine alone, and not all of them do. */
export function isPlainLocal(baseUrl: string): boolean {
  const { protocol, hostname } = new URL(baseUrl)
  return protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(hostname)
}

/** The name of one of our cookies; `__Host-` everywhere but on plain local addresses. */
export function toCookieName(baseUrl: string, token: 'access' | 'refresh' | 'device'): string {
  return `${isPlainLocal(baseUrl) ? '' : '__Host-'}firstlogin-${token}`
}
