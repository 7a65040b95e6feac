import { createHmac } from 'node:crypto'
import { createClerkStandIn } from './clerk/stand-in.ts'
import { createFronteggStandIn } from './frontegg/stand-in.ts'
import { createSupabaseStandIn } from './supabase/stand-in.ts'
import type { VendorStandIn } from './vendor.ts'

/** A stand-in that is not listening yet, and what follows from where it will. */
interface Prepared {
  standIn: VendorStandIn
  settings: (url: string) => Record<string, string>
  lines: (url: string) => string[]
}

/** How one vendor is stood in for. */
export interface VendorSandbox {
  name: string
  /** Whoever has made one of these has a vendor of their own. */
  settings: readonly string[]
  /** `service` is the address of the service, `secretOf` the same text for the same name on every run. */
  prepare: (service: string, secretOf: (name: string) => string) => Prepared
}

const json = "-H 'content-type: application/json'"
const tokenBy = (command: string) => `  a token    ${command}`

export const vendorSandboxes: readonly VendorSandbox[] = [
  {
    name: 'clerk',
    settings: ['CLERK_SECRET_KEY', 'CLERK_ISSUER', 'CLERK_API_URL'],
    prepare(service, secretOf) {
      const secretKey = 'sk_test_sandbox'
      const webhookSecret = `whsec_${Buffer.from(secretOf('clerk').slice(0, 24)).toString('base64')}`
      const standIn = createClerkStandIn({
        secretKey,
        webhookSecret,
        webhookUrl: `${service}/api/sync/clerk`,
      })
      return {
        standIn,
        settings: (url) => ({
          CLERK_SECRET_KEY: secretKey,
          CLERK_ISSUER: url,
          CLERK_API_URL: url,
          CLERK_WEBHOOK_SECRET: webhookSecret,
          CLERK_INSTANCE_ID: standIn.instanceId,
        }),
        lines: (url) => {
          const [member] = standIn.memberships.list()
          const body = JSON.stringify({
            userId: member?.public_user_data.user_id,
            organizationId: member?.organization.id,
          })
          return [
            `Clerk        ${url} (stand-in; key ${secretKey})`,
            tokenBy(`curl -s ${url}/__control/session_tokens ${json} -d '${body}'`),
          ]
        },
      }
    },
  },
  {
    name: 'frontegg',
    settings: ['FRONTEGG_CLIENT_ID', 'FRONTEGG_API_KEY', 'FRONTEGG_ISSUER', 'FRONTEGG_API_URL'],
    prepare(service, secretOf) {
      const webhookSecret = secretOf('frontegg')
      const standIn = createFronteggStandIn({ webhookSecret, webhookUrl: `${service}/api/sync/frontegg` })
      return {
        standIn,
        settings: (url) => ({
          FRONTEGG_CLIENT_ID: standIn.clientId,
          FRONTEGG_API_KEY: standIn.apiKey,
          FRONTEGG_ISSUER: url,
          FRONTEGG_API_URL: url,
          FRONTEGG_WEBHOOK_SECRET: webhookSecret,
        }),
        lines: (url) => {
          const [membership] = standIn.memberships.list()
          const body = JSON.stringify({ userId: membership?.userId, tenantId: membership?.tenantId })
          return [
            `Frontegg     ${url} (stand-in; client id ${standIn.clientId})`,
            tokenBy(`curl -s ${url}/__control/tokens ${json} -d '${body}'`),
          ]
        },
      }
    },
  },
  {
    name: 'supabase',
    settings: ['SUPABASE_URL', 'SUPABASE_SECRET_KEY'],
    prepare(service, secretOf) {
      const webhookSecret = secretOf('supabase')
      const hookSecret = `v1,whsec_${Buffer.from(secretOf('supabase hook').slice(0, 32)).toString('base64')}`
      const secretKey = 'sb_secret_sandbox0000000000000000_00000000'
      const standIn = createSupabaseStandIn({
        secretKey,
        hookSecret,
        webhookUrl: `${service}/api/sync/supabase`,
        webhookHeaders: { authorization: `Bearer ${webhookSecret}` },
        hookUrl: `${service}/api/sync/supabase/hooks`,
      })
      return {
        standIn,
        settings: (url) => ({
          SUPABASE_URL: url,
          SUPABASE_SECRET_KEY: secretKey,
          SUPABASE_WEBHOOK_SECRET: webhookSecret,
          SUPABASE_HOOK_SECRET: hookSecret,
        }),
        lines: (url) => [`Supabase     ${url}/auth/v1 (stand-in; key ${secretKey})`],
      }
    },
  },
]

/** Texts that are the same on every run with one secret. */
export function createSecretOf(secret: string): (name: string) => string {
  return (name) => createHmac('sha256', secret).update(name).digest('hex')
}
