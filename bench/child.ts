import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** Another process of the benchmark: it says once that it is ready, then answers one question after the other. */
export interface Child<Ready> {
  pid: number
  ready: Ready
  ask<Answer>(question: unknown): Promise<Answer>
  stop(): Promise<void>
}

/** What goes over the line from a child. */
type Message = { value: unknown } | { error: string }

/** Starts the compiled module of that name. Its environment is what is given, its output is thrown away. */
export async function startChild<Ready>(
  name: string,
  env: Record<string, string> = {},
  execArgv: string[] = [],
): Promise<Child<Ready>> {
  const child = fork(fileURLToPath(new URL(`./${name}.js`, import.meta.url)), {
    env: { NODE_ENV: 'production', ...env },
    execArgv,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const ready = await nextValue<Ready>(child, name)
  return {
    pid: child.pid ?? 0,
    ready,
    ask(question) {
      child.send({ question })
      return nextValue(child, name)
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.disconnect()
      await once(child, 'exit')
    },
  }
}

async function nextValue<Value>(child: ChildProcess, name: string): Promise<Value> {
  const died = new AbortController()
  const onExit = () => died.abort()
  child.once('exit', onExit)
  try {
    const [message] = (await once(child, 'message', { signal: died.signal })) as [Message]
    if ('error' in message) throw new Error(`${name}: ${message.error}`)
    return message.value as Value
  } catch (error) {
    throw died.signal.aborted ? new Error(`${name} ended unexpectedly.`, { cause: error }) : error
  } finally {
    child.off('exit', onExit)
  }
}

/** In the child: says what the parent has to know; it ends when the parent does. */
export function tellReady(value: unknown): void {
  process.on('disconnect', () => process.exit())
  process.send?.({ value } satisfies Message)
}

/** In the child: answers the parent's questions. */
export function answerQuestions(answer: (question: never) => Promise<unknown>): void {
  process.on('message', ({ question }: { question: unknown }) => {
    answer(question as never).then(
      (value) => process.send?.({ value } satisfies Message),
      (error: unknown) => process.send?.({ error: String(error) } satisfies Message),
    )
  })
}
