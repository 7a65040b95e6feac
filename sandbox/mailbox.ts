export type Mail = {
  to: string
  from?: string
  subject: string
  text: string
  html?: string
}

export type ReceivedMail = Mail & { id: number; receivedAt: string }

export type Mailbox = {
  add(mail: Mail): ReceivedMail
  /** Newest first. */
  list(): ReceivedMail[]
  clear(): void
}

const kept = 1000

/** Keeps the mail that would have been sent; the oldest makes room when there is too much of it. */
export function createMailbox(clock: () => number = Date.now): Mailbox {
  let messages: ReceivedMail[] = []
  let lastId = 0

  return {
    add(mail) {
      lastId += 1
      const received = { ...mail, id: lastId, receivedAt: new Date(clock()).toISOString() }
      messages = [received, ...messages].slice(0, kept)
      return received
    },
    list: () => [...messages],
    clear() {
      messages = []
    },
  }
}
