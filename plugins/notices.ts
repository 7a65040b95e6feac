import { setTimeout as sleep } from 'node:timers/promises'
import fp from 'fastify-plugin'
import { createEcho, echoChannel, openLine, PoolerError } from '../db/echo.ts'
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
  /** The database answers, but a pooler in transaction mode loses what is said: see PoolerError. */
  readonly isPooled: boolean
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
    const echo = createEcho()
    let isLive = false
    let isPooled = false
    let isClosing = false
    let closes = 0

    // A connection of its own: a pool's would come and go, and notices with it.
    const line = openLine(
      app.sql,
      'firstlogin-notices',
      (name, payload) => (name === echoChannel ? echo.hear(payload) : tell(toNotice(payload))),
      () => {
        closes += 1
        isLive = false
        tell(undefined)
        if (!isClosing) void listen()
      },
    )

    // A connection that cannot be made closes, too: whoever listens already goes on, and nobody begins anew.
    let isListening = false
    async function listen(): Promise<void> {
      if (isListening) return
      isListening = true
      for (let pauseMs = 50; !isClosing && !isLive; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
        const before = closes
        try {
          await line.unsafe(`listen ${channel}; listen ${echoChannel}`)
          const isHeard = await echo.isHeard(app.sql)
          if (closes !== before) continue
          isPooled = !isHeard
          if (isPooled) throw new PoolerError()
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
      get isPooled() {
        return isPooled
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
