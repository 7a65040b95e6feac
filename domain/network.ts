/** What one client is counted as: an IPv4 address, or the /64 of an IPv6 address, of which everybody has plenty. */
export function clientNetwork(address: string): string {
  // Some proxies add the port.
  const v4 = /^(?:::ffff:)?(\d{1,3}(?:\.\d{1,3}){3})(?::\d+)?$/i.exec(address)
  if (v4?.[1]) return v4[1]
  const [head = '', tail] = (address.replace(/^\[(.*)\](?::\d+)?$/, '$1').split('%')[0] ?? '')
    .toLowerCase()
    .split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail ? tail.split(':') : []
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length)
  const groups = [...left, ...Array<string>(zeros).fill('0'), ...right]
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`
}
