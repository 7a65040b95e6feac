import type { FastifyInstance } from 'fastify'
import type { Base } from './base.ts'
import { collaborator } from './collaborator.ts'
import { noSuchModel } from './errors.ts'

const scopes = ['data.records:read', 'data.records:write', 'schema.bases:read', 'webhook:manage']

export function registerMetaRoutes(app: FastifyInstance, base: Base): void {
  app.get('/meta/whoami', () => ({ id: collaborator.id, scopes }))

  app.get<{ Params: { baseId: string } }>('/meta/bases/:baseId/tables', (request) => {
    if (request.params.baseId !== base.id) throw noSuchModel()
    return {
      tables: base.tables.map(({ id, name, fields }) => ({
        id,
        name,
        primaryFieldId: fields[0]?.id,
        fields: fields.map((field) => ({ id: field.id, name: field.name, type: field.type })),
        views: [],
      })),
    }
  })
}
