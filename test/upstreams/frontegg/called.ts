import { readdirSync, readFileSync } from 'node:fs'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import type { Test } from 'tap'
import { Value } from 'typebox/value'
import { createMemoryGate } from '../../../domain/gate.ts'
import { createHttp } from '../../../plugins/http.ts'
import type { AccessTokenOptions } from '../../../sandbox/frontegg/access-tokens.ts'
import { createFronteggStandIn, type FronteggStandInOptions } from '../../../sandbox/frontegg/stand-in.ts'
import { FronteggEnv } from '../../../upstreams/frontegg/env.ts'
import frontegg from '../../../upstreams/frontegg/index.ts'
import type { HttpRequest, UpstreamContext, VerifiedToken } from '../../../upstreams/upstream.ts'

export interface FronteggOptions extends FronteggStandInOptions {
  settings?: Partial<FronteggEnv>
}

/** A stand-in, and all that the house gets of the adapter for it; calls go over real connections. */
export async function openFrontegg(t: Test, { settings, ...options }: FronteggOptions = {}) {
  const standIn = createFronteggStandIn(options)
  const apiUrl = await standIn.listen()
  const pool = createHttp()
  t.teardown(async () => {
    await pool.close()
    await standIn.close()
  })
  const logged: unknown[] = []
  const asked: HttpRequest[] = []
  const clock = options.clock ?? Date.now
  const context: UpstreamContext = {
    http: (request) => {
      asked.push(request)
      return pool.http(request)
    },
    gate: createMemoryGate({ calls: 1000, windowMs: 1000, pauseMs: 50 }, clock),
    log: (...line) => void logged.push(line),
    clock,
    slowMs: 5000,
  }
  const env = Value.Parse(
    FronteggEnv,
    Value.Default(FronteggEnv, {
      FRONTEGG_CLIENT_ID: standIn.clientId,
      FRONTEGG_API_KEY: standIn.apiKey,
      FRONTEGG_ISSUER: standIn.issuer,
      FRONTEGG_API_URL: apiUrl,
      FRONTEGG_WEBHOOK_SECRET: [standIn.webhookSecret],
      ...settings,
    }),
  )
  const { lookup, organizations, claims, directory, webhook } = frontegg.create(env, context)
  if (!lookup || !organizations || !claims || !directory || !webhook) throw new Error('Something is missing.')

  /** By the rules that the adapter names, proved with its keys. */
  async function verify(token: string): Promise<VerifiedToken> {
    const keys = createRemoteJWKSet(new URL(claims?.keysUrl ?? ''))
    const { payload, protectedHeader } = await jwtVerify(token, keys, {
      issuer: claims?.issuer ?? '',
      audience: [...(claims?.audiences ?? [])],
      algorithms: [...(claims?.algorithms ?? [])],
    })
    return { header: { ...protectedHeader }, payload: payload as VerifiedToken['payload'] }
  }

  const readToken = async (about: AccessTokenOptions) => claims.read(await verify(standIn.accessToken(about)))
  return {
    standIn,
    env,
    context,
    logged,
    asked,
    verify,
    readToken,
    lookup,
    organizations,
    claims,
    directory,
    webhook,
  }
}

const folder = new URL('../../fixtures/frontegg/', import.meta.url)

/** The events as Frontegg sends them, by the names of their files. */
export function fixtures(): Record<string, object> {
  const files = readdirSync(folder)
  return Object.fromEntries(files.map((file) => [file.replace('.json', ''), fixture(file)]))
}

function fixture(file: string): object {
  return JSON.parse(readFileSync(new URL(file, folder), 'utf8'))
}
