/** As much of autocannon as the load generator uses; it brings no types. */
declare module 'autocannon' {
  export interface Client {
    setHeadersAndBody(headers: Record<string, string>, body?: string): void
    setBody(body: string): void
    on(event: 'body', listener: (chunk: Buffer) => void): void
    /** Emitted before the next request is written. */
    on(event: 'response', listener: (status: number) => void): void
  }
  export interface Options {
    url: string
    method: 'GET' | 'POST'
    connections: number
    /** Seconds; or instead so many requests. */
    duration?: number
    amount?: number
    sampleInt: number
    timeout: number
    setupClient(client: Client): void
  }
  export interface Result {
    '2xx': number
    non2xx: number
    errors: number
    /** Seconds, measured. */
    duration: number
    /** Milliseconds. */
    latency: { p50: number; p99: number }
  }
  export default function autocannon(options: Options): Promise<Result>
}
