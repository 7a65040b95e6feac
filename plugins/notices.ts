import { setTimeout as sleep } from 'node:timers/promises'
import fp from 'fastify-plugin'
import postgres from 'postgres'
import { channel, type Notice, toNotice } from '../db/notices.ts'
import { toLoggable } from '../errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    notices: Notices
  }
}

/** What other instances say over the database. While the line is down nothing that was cached may be used. */
export interface Notices {
  readonly isLive: boolean
  /** Called for every notice, and with `undefined` whenever some may have been missed. */
  subscribe(listener: (notice: Notice | undefined) => void): void
}

const longestPauseMs = 2000

export default fp(
  async function noticesPlugin(app) {
    const listeners = new Set<(notice: Notice | undefined) => void>()
    const tell = (notice: Notice | undefined) => {
      for (const listener of listeners) listener(notice)
    }
    let isLive = false
    let isClosing = false
    let closes = 0

    // A connection of its own: a pool's would come and go, and notices with it.
    const line = postgres({
      ...(app.sql.options as object),
      // Not in the library's types.
      ...({ onnotify: (_: string, payload: string) => tell(toNotice(payload)) } as object),
      max: 1,
      idle_timeout: 0,
      max_lifetime: null,
      fetch_types: false,
      connection: { application_name: 'firstlogin-notices' },
      onclose: () => {
        closes += 1
        isLive = false
        tell(undefined)
        if (!isClosing) void listen()
      },
    })

    // A connection that cannot be made closes, too: whoever listens already goes on, and nobody begins anew.
    let isListening = false
    async function listen(): Promise<void> {
      if (isListening) return
      isListening = true
      for (let pauseMs = 50; !isClosing && !isLive; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
        const before = closes
        try {
          await line`listen ${line(channel)}`
          if (closes !== before) continue
          isLive = true
          tell(undefined)
        } catch (error) {
          app.log.warn({ event: 'notices.lost', err: toLoggable(error) })
          await sleep(pauseMs, undefined, { ref: false })
        }
      }
      isListening = false
    }

    app.decorate('notices', {
      get isLive() {
        return isLive
      },
      subscribe: (listener) => void listeners.add(listener),
    } satisfies Notices)
    app.addHook('onClose', async () => {
      isClosing = true
      await line.end({ timeout: 1 })
    })
    await listen()
  },
  { name: 'firstlogin-notices', fastify: '5.x', dependencies: ['firstlogin-db'] },
)
