import { inspect } from 'node:util'
import { createContext, Script } from 'node:vm'

export interface Inputs {
  /** The input variables, as mapped in Airtable. */
  config?: object
  secrets?: Readonly<Record<string, string>>
}

export interface Run {
  output: Record<string, unknown>
  log: string[]
  /** What was thrown, with everything that hangs on it; undefined for a green run. */
  failure: string | undefined
}

const limits = { answerBytes: 4_500_000, answerMs: 12_000 }

/** Runs a script as Airtable's action "Run a script" does, in the strictest reading of what that offers. */
export async function runAutomation(code: string, inputs: Inputs = {}, within = limits): Promise<Run> {
  const { config = {}, secrets = {} } = inputs
  const run: Run = { output: {}, log: [], failure: undefined }
  const print = (...values: unknown[]) => void run.log.push(values.map((value) => inspect(value)).join(' '))
  const context = createContext(
    {
      input: { config: () => structuredClone(config), secret: (name: string) => getSecret(secrets, name) },
      output: { set: (name: string, value: unknown) => void (run.output[name] = structuredClone(value)) },
      console: { log: print, info: print, warn: print, error: print },
      fetch: (url: string, init?: RequestInit) => fetchWithin(within, url, init),
      Headers,
      URLSearchParams,
    },
    { codeGeneration: { strings: false, wasm: false } },
  )
  // Inside a function `await` and `return` may stand at the top.
  const script = new Script(`(async () => {\n${code}\n})()`, { filename: 'automation.js', lineOffset: -1 })
  try {
    await script.runInContext(context)
  } catch (error) {
    run.failure = inspect(error, { depth: 9, showHidden: true })
  }
  return run
}

function getSecret(secrets: Readonly<Record<string, string>>, name: string): string {
  const secret = secrets[name]
  if (secret === undefined) throw new Error(`The secret ${name} was not added to the script.`)
  return secret
}

async function fetchWithin(within: typeof limits, url: string, init: RequestInit = {}): Promise<Response> {
  const { redirect } = init
  if (redirect !== 'manual' && redirect !== 'error') throw new TypeError(`There is no redirect: ${redirect}.`)
  const reply = await fetch(url, { ...init, signal: AbortSignal.timeout(within.answerMs) })
  const bytes = await reply.arrayBuffer()
  if (bytes.byteLength > within.answerBytes) throw new TypeError('The answer is too large.')
  const { status, statusText, headers } = reply
  const isBodyless = status === 204 || status === 205 || status === 304
  return new Response(isBodyless ? null : bytes, { status, statusText, headers })
}
