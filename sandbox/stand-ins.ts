import { type VendorSandbox, vendorSandboxes } from './vendors.ts'

export type Env = Readonly<Record<string, string | undefined>>

export const airtableSettings = ['AIRTABLE_TOKEN', 'AIRTABLE_BASE_ID', 'AIRTABLE_TABLE', 'AIRTABLE_API_URL']

export function isSet(env: Env, name: string): boolean {
  return Boolean(env[name] || env[`${name}_FILE`])
}

export function isOn(env: Env, name: string): boolean {
  return ['true', '1'].includes(env[name]?.toLowerCase() ?? '')
}

export function needsAirtable(env: Env): boolean {
  return upstreamsOf(env).includes('airtable') && !airtableSettings.some((name) => isSet(env, name))
}

export function needsVendor(env: Env, { name, settings }: VendorSandbox): boolean {
  return upstreamsOf(env).includes(name) && !settings.some((setting) => isSet(env, setting))
}

/** What is not configured and would be made up: settings, and vendors by name. */
export function listStandIns(env: Env): string[] {
  const settings = ['DATABASE_URL', 'FIRSTLOGIN_SECRET']
  if (isOn(env, 'USER_WEBHOOK_SYNC_ENABLED')) settings.push('AIRTABLE_USER_SYNC_SECRET')
  const vendors = vendorSandboxes.filter((vendor) => needsVendor(env, vendor)).map(({ name }) => name)
  return [
    ...settings.filter((name) => !isSet(env, name)),
    ...[...(needsAirtable(env) ? ['airtable'] : []), ...vendors].map((name) => `the upstream ${name}`),
  ]
}

function upstreamsOf(env: Env): string[] {
  return (env['UPSTREAMS'] || 'airtable').split(',').map((name) => name.trim())
}
