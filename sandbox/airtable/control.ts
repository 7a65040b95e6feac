import type { FastifyInstance } from 'fastify'
import { guardControl } from '../control-guard.ts'
import { type Fault, faultKinds, isFaultKind } from '../faults.ts'
import { isObject } from './cells.ts'
import { AirtableError, typedError } from './errors.ts'
import type { AirtableStandIn } from './stand-in.ts'
import { fieldsOfBody } from './user-edits.ts'

const longestLatencyMs = 600_000

type ById = { Params: { id: string } }

/** The addresses by which somebody outside plays Airtable's users and its bad days; never limited, never ill. */
export function registerControlRoutes(app: FastifyInstance, standIn: Omit<AirtableStandIn, 'app'>): void {
  app.setErrorHandler((error, _request, reply) => {
    if (error instanceof AirtableError) return reply.code(error.status).send(error.body)
    return reply.send(error)
  })

  guardControl(app)
  app.get('/fault', () => standIn.fault())
  app.put('/fault', (request) => standIn.setFault(faultOfBody(request.body)))
  app.delete('/fault', () => standIn.heal())

  app.get('/calls', () => standIn.calls())
  app.delete('/calls', (_request, reply) => {
    standIn.resetCalls()
    return reply.code(204).send()
  })

  app.get('/records', () => ({ records: standIn.records.list() }))
  app.get<ById>('/records/:id', (request) => standIn.records.find(request.params.id) ?? noSuchRecord())
  app.put<ById>('/records/:id', (request) =>
    standIn.records.put(request.params.id, fieldsOfBody(request.body)),
  )
  app.delete<ById>('/records/:id', (request) => {
    const { id } = request.params
    return standIn.records.remove(id) ? { id, deleted: true } : noSuchRecord()
  })

  app.delete('/iterators', (_request, reply) => {
    standIn.expireIterators()
    return reply.code(204).send()
  })
}

function noSuchRecord(): never {
  throw typedError(404, 'MODEL_ID_NOT_FOUND', 'Record not found')
}

function faultOfBody(body: unknown): Fault {
  const { kind, latencyMs = 0 } = isObject(body) ? body : {}
  if (!isFaultKind(kind)) {
    throw typedError(422, 'INVALID_CONTROL_REQUEST', `kind must be one of ${faultKinds.join(', ')}.`)
  }
  if (typeof latencyMs === 'number' && latencyMs >= 0 && latencyMs <= longestLatencyMs)
    return { kind, latencyMs }
  throw typedError(
    422,
    'INVALID_CONTROL_REQUEST',
    `latencyMs must be a number from 0 to ${longestLatencyMs}.`,
  )
}
