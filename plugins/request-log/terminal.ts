import type { Writable } from 'node:stream'
import pretty from 'pino-pretty'

/** Lines for people: the time, the level, what happened, and then the rest. */
export function createTerminalStream(destination: Writable) {
  return pretty({
    destination,
    // A line is there before whatever may end the process.
    sync: true,
    singleLine: true,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pid,hostname,event',
    messageFormat: '{if event}{event} {end}{msg}',
  })
}
