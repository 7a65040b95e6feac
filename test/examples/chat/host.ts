import { cp, mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import type { Config } from '../../../config.ts'
import { findProgram, root } from '../../support/built.ts'
import { createIdentityWorld } from '../../support/identity-host.ts'
import { makeWorkplace } from '../../support/process.ts'

export const example = join(root, 'examples/chat')

/** The example as after `npm install`, in a folder of its own: the package in it is a link, as npm makes it. */
export async function install(t: Test): Promise<string> {
  await findProgram()
  const folder = await makeWorkplace(t)
  await cp(example, folder, { recursive: true, filter: (path) => !/\/(node_modules|\.data)$/.test(path) })
  const packages = join(folder, 'node_modules')
  await mkdir(packages)
  await symlink(root, join(packages, 'firstlogin'))
  await symlink(join(root, 'node_modules/fastify'), join(packages, 'fastify'))
  return folder
}

export interface Session {
  id: string
  title: string
}

export interface Answer {
  status: number
  body: Partial<Session> & {
    code?: string
    sessions?: Session[]
    messages?: { author: string; text: string }[]
  }
}

export type Ask = (method: 'GET' | 'POST' | 'DELETE', path: string, body?: object) => Promise<Answer>

/** The example in this process, made of the built package, on a database of its own and stand-ins of both vendors. */
export async function startChat(t: Test) {
  const { sql, clerk, frontegg, env } = await createIdentityWorld(t)
  const load = async (file: string): Promise<unknown> => import(pathToFileURL(file).href)
  const { registerChat } = (await load(join(await install(t), 'app.js'))) as {
    registerChat(app: FastifyInstance, config: Config): Promise<void>
  }
  const { loadConfig } = (await load(join(root, 'dist/config.js'))) as {
    loadConfig(env: Record<string, string>): Config
  }
  const app = Fastify()
  t.teardown(() => app.close())
  await registerChat(app, loadConfig(env()))

  const asWith = (authorization: string): Ask =>
    async function askChat(method, path, body) {
      const url = `/chat${path}`
      const reply = await app.inject({
        method,
        url,
        headers: { authorization },
        ...(body && { payload: body }),
      })
      return { status: reply.statusCode, body: reply.body === '' ? {} : reply.json<Answer['body']>() }
    }

  return {
    sql,
    app,
    asWith,
    /** Somebody of the stand-in's, in a tenant of theirs. */
    asFrontegg(email: string, tenant: string): Ask {
      const userId = frontegg.users.list().find((user) => user.email === email)?.id ?? ''
      const tenantId = frontegg.tenants.list().find(({ name }) => name === tenant)?.tenantId ?? ''
      return asWith(`Bearer ${frontegg.accessToken({ userId, tenantId })}`)
    },
    /** The first of the stand-in's members. */
    async asClerk(): Promise<Ask> {
      const [member] = clerk.memberships.list()
      const userId = member?.public_user_data.user_id ?? ''
      const organizationId = member?.organization.id ?? ''
      return asWith(`Bearer ${await clerk.sessionToken({ userId, organizationId })}`)
    },
  }
}
