import { connect, type Socket } from 'node:net'
import type { LoadPlan } from './load.ts'

const { port, clients, texts, extraBytes, isHolding, pauseMs } = JSON.parse(process.argv[2] ?? '') as LoadPlan
const extra = Buffer.alloc(extraBytes, 'a')
const sockets = new Set<Socket>()
let isStopped = false
let sent = 0
let connected = 0

function attack(number: number): void {
  if (isStopped) return
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: isHolding })
  sockets.add(socket)
  socket.once('connect', () => {
    sent += 1
    connected += 1
    if (connected === clients) process.send?.('ready')
    socket.write((texts[number % texts.length] ?? '').replaceAll('{n}', String(number)))
    if (extra.length > 0) socket.write(extra)
  })
  socket.on('data', () => {
    if (!isHolding) socket.destroy()
  })
  // One that holds on does not end its side either, for a while.
  socket.once('end', () => setTimeout(() => socket.destroy(), pauseMs))
  socket.on('error', () => {})
  socket.once('close', () => {
    sockets.delete(socket)
    setTimeout(attack, pauseMs, number)
  })
}

for (let number = 0; number < clients; number += 1) attack(number)
process.once('message', () => {
  isStopped = true
  for (const socket of sockets) socket.destroy()
  process.send?.(sent)
})
