import type { FastifyInstance } from 'fastify'
import { type Base, verifyBaseId } from '../base.ts'
import { isObject } from '../cells.ts'
import { invalidRequest } from '../errors.ts'
import type { Registry } from './registry.ts'

type BasePath = { Params: { baseId: string } }
type HookPath = { Params: { baseId: string; id: string } }

export function registerWebhookRoutes(app: FastifyInstance, base: Base, registry: Registry): void {
  const webhooks = '/bases/:baseId/webhooks'

  app.post<BasePath>(webhooks, (request) => {
    verifyBaseId(base, request.params.baseId)
    return registry.create(request.body)
  })

  app.get<BasePath>(webhooks, (request) => {
    verifyBaseId(base, request.params.baseId)
    return { webhooks: registry.list() }
  })

  app.delete<HookPath>(`${webhooks}/:id`, (request, reply) => {
    verifyBaseId(base, request.params.baseId)
    registry.remove(request.params.id)
    return reply.send()
  })

  app.post<HookPath>(`${webhooks}/:id/enableNotifications`, (request, reply) => {
    verifyBaseId(base, request.params.baseId)
    const { enable } = isObject(request.body) ? request.body : {}
    if (typeof enable !== 'boolean') throw invalidRequest()
    registry.setNotifications(request.params.id, enable)
    return reply.send()
  })

  app.post<HookPath>(`${webhooks}/:id/refresh`, (request) => {
    verifyBaseId(base, request.params.baseId)
    return registry.refresh(request.params.id)
  })

  app.get<HookPath>(`${webhooks}/:id/payloads`, (request) => {
    verifyBaseId(base, request.params.baseId)
    const query = new URL(request.url, 'http://localhost').searchParams
    return registry.payloads(request.params.id, query)
  })
}
