import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'

export type RedisFault = 'none' | 'frozen' | 'slow' | 'out of memory' | 'wrong password' | 'read-only'

export interface RedisStandIn {
  url: string
  /** Commands that came in, connections aside. */
  readonly commands: number
  setFault(fault: RedisFault): void
  /** Every connection breaks, and no new one is taken. */
  stop(): Promise<void>
  start(): Promise<void>
}

/** As much of Redis as counting needs, with the faults that a Redis can have. */
export async function createRedisStandIn(t: Pick<Test, 'teardown'>): Promise<RedisStandIn> {
  const windows = new Map<string, { count: number; endsAt: number }>()
  const sockets = new Set<Socket>()
  let fault: RedisFault = 'none'
  let waiting: (() => void)[] = []
  let commands = 0

  function find(key: string) {
    const found = windows.get(key)
    return found && found.endsAt > Date.now() ? found : undefined
  }

  function run([name = '', key = '', ...rest]: string[]): string {
    commands += 1
    if (fault === 'wrong password') return '-NOAUTH Authentication required.'
    const isWrite = name === 'set' || name === 'incr'
    if (isWrite && fault === 'out of memory')
      return "-OOM command not allowed when used memory > 'maxmemory'."
    if (isWrite && fault === 'read-only') return "-READONLY You can't write against a read only replica."
    const found = find(key)
    if (name === 'info') return '$17\r\nredis_version:7\r\n'
    if (name === 'set') {
      if (!found) windows.set(key, { count: 0, endsAt: Date.now() + Number(rest[2]) })
      return '+OK'
    }
    if (name === 'incr') return `:${found ? (found.count += 1) : 1}`
    if (name === 'pttl') return `:${found ? found.endsAt - Date.now() : -2}`
    return '+OK'
  }

  function serve(socket: Socket): void {
    let queued: string[][] | undefined
    let wasRefused = false
    const answer = (command: string[]): string => {
      const name = command[0]
      if (name === 'multi') {
        queued = []
        wasRefused = false
        return run(['multi'])
      }
      if (name === 'exec' && queued) {
        const all = queued
        queued = undefined
        if (wasRefused) return '-EXECABORT Transaction discarded because of previous errors.'
        return `*${all.length}\r\n${all.map(run).join('\r\n')}`
      }
      if (!queued) return run(command)
      const refused = run(command.with(1, ''))
      if (refused.startsWith('-')) {
        wasRefused = true
        return refused
      }
      queued.push(command)
      return '+QUEUED'
    }
    let text = ''
    let turn = Promise.resolve()
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk
      const before = turn
      turn = (async () => {
        await before
        if (fault === 'frozen') await new Promise<void>((resolve) => waiting.push(resolve))
        if (fault === 'slow') await sleep(1000)
        const [all, remainder] = readCommands(text)
        text = remainder
        if (all.length > 0) socket.write(`${all.map(answer).join('\r\n')}\r\n`)
      })()
    })
  }

  const server = createServer(serve)
  async function start(port = (server.address() as AddressInfo | null)?.port ?? 0): Promise<void> {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  }
  async function stop(): Promise<void> {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  }
  await start()
  const { port } = server.address() as AddressInfo
  t.teardown(stop)
  return {
    url: `redis://127.0.0.1:${port}`,
    get commands() {
      return commands
    },
    setFault(next) {
      fault = next
      const released = waiting
      waiting = []
      if (next !== 'frozen') for (const release of released) release()
      // A changed password counts for new connections.
      if (next === 'wrong password') for (const socket of sockets) socket.destroy()
    },
    stop,
    start: () => start(port),
  }
}

/** Whole commands, each a list of texts with its name in lower case, and what is left of the bytes. */
function readCommands(text: string): [string[][], string] {
  const commands: string[][] = []
  let rest = text
  for (;;) {
    const head = /^\*(\d+)\r\n/.exec(rest)
    if (!head) return [commands, rest]
    let at = head[0].length
    const command: string[] = []
    for (let left = Number(head[1]); left > 0; left -= 1) {
      const size = /^\$(\d+)\r\n/.exec(rest.slice(at))
      if (!size || rest.length < at + size[0].length + Number(size[1]) + 2) return [commands, rest]
      at += size[0].length
      command.push(rest.slice(at, at + Number(size[1])))
      at += Number(size[1]) + 2
    }
    const [name = '', ...args] = command
    commands.push([name.toLowerCase(), ...args])
    rest = rest.slice(at)
  }
}
