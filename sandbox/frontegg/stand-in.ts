import { createVendor, type VendorStandIn } from '../vendor.ts'
import { type AccessTokenOptions, mintAccessToken } from './access-tokens.ts'
import { registerControl } from './control.ts'
import { createSigningKeys } from './keys.ts'
import { seed } from './people.ts'
import { registerApi } from './routes.ts'
import { createVendorTokens } from './vendor-tokens.ts'
import { type SentWebhook, sendWebhook, type WebhookOverrides } from './webhook.ts'
import { faultWordsOf } from './words.ts'
import { createWorld, type World } from './world.ts'

export interface FronteggStandInOptions {
  clientId?: string
  apiKey?: string
  webhookSecret?: string
  /** Where webhooks are posted to. */
  webhookUrl?: string
  /** The `iss` of tokens. Default: the address that it listens at. */
  issuer?: string
  /** Of the vendor's tokens. Default: a day. */
  expiresInS?: number
  /** After a 429, until the named moment. */
  resetMs?: number
  offsetCounts?: 'pages' | 'rows'
  /** Without anybody. */
  isEmpty?: boolean
  clock?: () => number
}

export interface FronteggStandIn extends VendorStandIn, World {
  clientId: string
  apiKey: string
  webhookSecret: string
  /** Exact, without a slash at its end; known once it listens. */
  readonly issuer: string
  accessToken(options: AccessTokenOptions): string
  /** The old key stays published unless it is withdrawn. */
  rotateKeys(options?: { isWithdrawn?: boolean }): void
  revokeVendorTokens(): void
  /** What Frontegg would send; posts it where `webhookUrl` says. */
  webhook(
    eventKey: string,
    about?: { userId?: string; tenantId?: string },
    overrides?: WebhookOverrides,
  ): Promise<SentWebhook>
}

/** A Frontegg of one environment, in memory. */
export function createFronteggStandIn(options: FronteggStandInOptions = {}): FronteggStandIn {
  const {
    clientId = '6d2f1c3a-4b5e-4f60-8a7b-9c0d1e2f3a4b',
    apiKey = 'frontegg-sandbox-api-key',
    webhookSecret = 'frontegg-sandbox-webhook-secret',
    webhookUrl,
    expiresInS = 86_400,
    resetMs = 5000,
    offsetCounts = 'pages',
    isEmpty = false,
    clock = Date.now,
  } = options
  const world = createWorld(clock)
  if (!isEmpty) seed(world)
  const keys = createSigningKeys()
  const tokens = createVendorTokens({ clientId, apiKey, expiresInS }, clock)
  let issuer = options.issuer

  function issuerNow(): string {
    if (issuer === undefined)
      throw new Error('Whoever does not listen yet has no address to issue tokens from.')
    return issuer
  }

  const own = {
    ...world,
    clientId,
    apiKey,
    webhookSecret,
    rotateKeys: keys.rotate,
    revokeVendorTokens: tokens.revoke,
    accessToken: (asked: AccessTokenOptions) =>
      mintAccessToken(asked, { world, keys, issuer: issuerNow(), audience: clientId, clock }),
    webhook: (eventKey: string, about: { userId?: string; tenantId?: string } = {}, overrides = {}) =>
      sendWebhook(eventKey, about, overrides, { world, secret: webhookSecret, url: webhookUrl, clock }),
  }
  const vendor = createVendor({
    words: faultWordsOf(resetMs, clock),
    admit: tokens.admit,
    api: (app) => registerApi(app, { world, keys, tokens, offsetCounts }),
    control: (app) => registerControl(app, own),
    clock,
  })
  return {
    ...vendor,
    ...own,
    async listen(port, host) {
      const address = await vendor.listen(port, host)
      issuer ??= address
      return address
    },
    get issuer() {
      return issuerNow()
    },
  }
}
