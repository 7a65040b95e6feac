/** One line of what was looked at. `detail` of a failure names the setting, the cause and the next step. */
export interface Check {
  name: string
  state: 'ok' | 'warn' | 'fail'
  detail: string
}

export const ok = (name: string, detail: string): Check => ({ name, state: 'ok', detail })
export const warn = (name: string, detail: string): Check => ({ name, state: 'warn', detail })
export const fail = (name: string, detail: string): Check => ({ name, state: 'fail', detail })

/** The code of the failure of a connection: where a name has several addresses, each failure is inside. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  if ('code' in error && typeof error.code === 'string') return error.code
  const [first] = error instanceof AggregateError ? (error.errors as unknown[]) : []
  return first === undefined ? codeOfCause(error) : codeOf(first)
}

function codeOfCause({ cause, name }: Error): string {
  return cause === undefined ? name : codeOf(cause)
}

/** Why nothing answers at an address, and what to do; undefined for what is no failure of a connection. */
export function explainConnection(code: string, address: string): string | undefined {
  if (code === 'ECONNREFUSED' || code === 'ECONNRESET' || code === 'CONNECTION_CLOSED')
    return `${address} refuses connections: start the server there, or correct the address`
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return `the host name of ${address} is not resolved: correct it, or check DNS and the way to the internet`
  if (/TIMEOUT|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/.test(code))
    return `${address} does not answer in time: check firewalls and the way to the internet`
  if (/CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO/.test(code))
    return `the certificate of ${address} is not accepted (${code}): correct it, or name its authority in NODE_EXTRA_CA_CERTS`
  return undefined
}
