/** As much of pg as better-auth's own set-up shows; it brings no types. */
declare module 'pg' {
  export class Pool {
    constructor(options: { connectionString: string })
    connect(): Promise<{
      query(sql: string, parameters: readonly unknown[]): Promise<never>
      release(): void
    }>
    end(): Promise<void>
  }
}
