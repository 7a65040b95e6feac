import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { hashPassword } from '../domain/password.ts'
import { readArguments } from './arguments.ts'
import type { LocalCommand, Terminal } from './command.ts'

/** Reads a password from the terminal, without showing it, or from stdin, and prints its hash for a table. */
export const hash: LocalCommand = {
  usage: 'hash',
  summary: 'read a password from the terminal or stdin, and print an argon2id hash of it for a table',
  async runAlone(terminal, args, output) {
    readArguments(args, { options: {}, min: 0, max: 0 })
    const { stdin } = terminal
    const password = stdin.isTTY ? await ask(terminal) : (await text(stdin)).replace(/\r?\n$/, '')
    if (password === '') {
      output.error('There is no password: type one, or pipe it in.')
      return 2
    }
    const made = await hashPassword(password)
    output.line(made)
    output.result({ hash: made })
    return 0
  },
}

async function ask({ stdin, stderr }: Terminal): Promise<string> {
  stderr.write('Password: ')
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const prompt = createInterface({ input: stdin, output: silent, terminal: true })
  try {
    return await prompt.question('')
  } finally {
    prompt.close()
    stderr.write('\n')
  }
}
